"""Answer exceptions by their class.

Knows: app; classes of exceptions.
Does not know: the connection; what an error means.
"""


def errors(app):
    """Return `error_handler`, which is also `app.error_handler` from now on.

    `@app.error_handler(KeyError)` decorates `(request, response, error)`,
    which changes the answer. Of several, the one nearest to the class of
    the exception is called; HttpError and its subclasses count, too.
    """
    handlers = Handlers()
    app.listen("error")(handlers.handle)
    app.error_handler = handlers.register
    return handlers.register


class Handlers(dict):
    """The handlers of errors, by the class of exceptions they are for."""

    def register(self, *classes):
        """Register the decorated handler for exceptions of some classes."""
        for each in classes:
            if not issubclass(each, Exception):
                raise TypeError(f"{each.__name__} is never answered.")

        def decorate(handler):
            self.update(dict.fromkeys(classes, handler))
            return handler

        return decorate

    def handle(self, request, response, error):
        """Call the handler of the nearest class, if there is one."""
        for each in type(error).__mro__:
            if each in self:
                return self[each](request, response, error)
        return None
