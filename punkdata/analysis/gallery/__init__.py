"""The gallery: one self-contained HTML file that shows all punks of a snapshot.

`html.py` packs the data and joins it with the scripts, style and markup in `page/`. Only the
`gallery` command imports it.
"""
