"""The gallery: one self-contained HTML file that shows all punks of a snapshot.

`page_data.py` collects the data; `html.py` packs it and joins it with the modules, styles and
markup in `page/`; `site.py` adds what a website needs. In `page/`, `data/` has pure modules that
Node can test, `dom/` elements, `panels/` what surrounds a view, `views/` the views, and `table.js`
lists the panels and the views. Only the `gallery` command imports this package.
"""
