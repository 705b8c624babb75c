"""The page and the pictures.

rank_content, search_content, generation_content    what the page shows, as plain values
charts                                              the charts of the page, as Vega-Lite specifications
overview, generation_picture                        pictures for documents, from such specifications
html                                                the page as one HTML file, with the files in web/
"""
