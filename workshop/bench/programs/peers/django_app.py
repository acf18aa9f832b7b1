"""Greet, and keep the positions of drones, on Django.

Knows: Django in one file, what a drone's position is.
Does not know: its server; that it is measured.

Of the middleware of a new project only the one that all answers need is
here; sessions, log-in and messages would be work that no other peer does.
"""

import json

from django.conf import settings
from django.core.wsgi import get_wsgi_application
from django.http import HttpResponse, JsonResponse
from django.urls import path
from django.views import View

from position import flaw

settings.configure(
    ALLOWED_HOSTS=["localhost", "127.0.0.1"],
    DEBUG=False,
    MIDDLEWARE=["django.middleware.common.CommonMiddleware"],
    ROOT_URLCONF=__name__,
    SECRET_KEY="nothing is signed here",
)
positions = {}


def hello(request, name):
    return JsonResponse({"message": f"Hello {name}"})


class Drone(View):
    """The position of one drone."""

    def post(self, request, name):
        try:
            position = json.loads(request.body)
        except ValueError:
            position = None
        if wrong := flaw(position):
            return JsonResponse({"error": wrong}, status=422)
        positions[name] = position
        return HttpResponse(status=204)

    def get(self, request, name):
        return JsonResponse(positions[name])


urlpatterns = [
    path("hello/<str:name>", hello),
    path("drones/<str:name>", Drone.as_view()),
]
app = get_wsgi_application()
