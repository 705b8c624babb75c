"""The leaderboard: a pure function from record files to CSV files and a page.

    entries       repeats of a cell -> one entry with mean, spread and interval
    pools         entries that compete, and their ranks on a task
    overall       average ranks over tasks, and how large a difference of them must be
    tables        CSV
    scores        architecture-level scores for scatter plots and correlation maps
    searches      what searches found, problem by problem
    search_verdicts   which searchers are better than a baseline; CSV
    search_content    what the page shows of them
    generation    what generators gave, problem by problem; paired differences to baselines; CSV
    generation_content, generation_picture    what the page shows of it, and a picture
    svg           pieces of pictures
    charts        what is plotted, as Vega-Lite
    content       what the page shows, as values
    page          one HTML file of it, with what lies in web/
    build         all of it from a folder
    serve         the page on this machine

Nothing here knows of spaces, tables, networks or how a record came about.
"""
