"""The leaderboard: a pure function from record files to CSV files, pictures and a page.

    ranks/        records of evaluations -> ranks of methods, on tasks and over tasks
    searches/     results of searches, and tests of searchers against baselines
    generation/   results of generators, and their gains over baselines
    page/         content, charts, pictures, and the page as one HTML file
    build         builds all of it from a folder
    serve         serves the page on this machine

`build` and `serve` use `page`, which uses the other three; these do not know each other. Nothing here depends on
spaces, tables, networks or the origin of records.
"""
