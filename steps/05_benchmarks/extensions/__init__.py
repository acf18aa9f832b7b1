"""What an app may switch on: each extension is a function of the app.

Knows: nothing; it makes a package of the folder.
Does not know: which extensions there are.
"""
