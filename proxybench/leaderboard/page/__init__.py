"""The page and the pictures.

facts                                               what the page says besides the figures; the caller collects it
names, sources, rounding                            names of methods in words, who computed their scores, short numbers
heat, searcher_heat, standings                      methods by benchmarks; average ranks without gaps
front_content, benchmark_content, search_content, generation_content    what the page shows, as plain values
content                                             all of these, for the page and its files of details
charts, method_charts, chart_parts, heat_chart      the charts of the page, as Vega-Lite specifications
heat_picture, overview, generation_picture, pictures    pictures for documents, from such specifications
html                                                the page as HTML and scripts, with the files in web/
"""
