"""Turn sources and committed results into Markdown for the site.

Knows: sources cut by name, tables, figures in prose.
Does not know: mkdocs; what a page says around them.
"""
