"""Answer exceptions by their class.

Knows: app; classes of exceptions.
Does not know: the connection; what an error means.
"""


def errors(app):
    """Return `error_handler`, which is also `app.error_handler` from now on.

    `@app.error_handler(KeyError)` decorates `(request, response, error)`,
    which changes the answer. Of several the one nearest to the class of
    the exception is called, HttpError and its subclasses included.
    """
    handlers = {}

    def error_handler(*classes):
        def register(handler):
            for each in classes:
                if not issubclass(each, Exception):
                    raise TypeError(f"{each.__name__} is never answered.")
                handlers[each] = handler
            return handler

        return register

    @app.listen("error")
    def handle(request, response, error):
        for each in type(error).__mro__:
            if each in handlers:
                return handlers[each](request, response, error)
        return None

    app.error_handler = error_handler
    return error_handler
