"""Answer now, and send the mail behind the answer.

Knows: pico, the extension background.
Does not know: whether a mail arrives.
"""

import smtplib
from email.message import EmailMessage

from extensions.background import background
from messages import HttpError
from pico import Pico

app = Pico()
background(app, at_once=4)  # more the mail server would not like
app["mail"] = ("localhost", 25)


@app.route("/orders", methods=["POST"])
async def order(request, response):
    address = request.form.get("email")
    if address.count("@") != 1 or not address.isprintable():
        raise HttpError(400, "That is no address.")
    response.after(confirm, address, request.form.int("number"))
    response.status = 202
    response.body = "You will get a mail."


def confirm(address, number):
    """Send a mail; smtplib blocks, but this runs in a thread."""
    mail = EmailMessage()
    mail["From"], mail["To"] = "shop@example.org", address
    mail["Subject"] = f"Your order {number}"
    mail.set_content("It is on its way.")
    with smtplib.SMTP(*app["mail"], timeout=10) as server:
        server.send_message(mail)


if __name__ == "__main__":
    app.run()
