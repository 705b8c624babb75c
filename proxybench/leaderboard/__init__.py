"""The leaderboard: a pure function from record files to CSV files and a page.

    entries       repeats of a job -> one entry with mean, spread and interval
    pools         entries that compete, and their ranks on a task
    overall       average ranks over tasks, and how large a difference of them must be
    tables        CSV
    scores        architecture-level scores for scatter plots and correlation maps
    searches      results of searches, by problem
    search_verdicts   which searchers are better than a baseline; CSV
    search_content    their section of the page
    generation    results of generators, by problem; paired differences to baselines; CSV
    generation_content, generation_picture    their section of the page, and a picture
    svg           pieces of pictures
    charts        the charts, as Vega-Lite
    content       the content of the page, as values
    page          the page as one HTML file, with the files in web/
    build         builds all of it from a folder
    serve         serves the page on this machine

Nothing here depends on spaces, tables, networks or the origin of records.
"""
