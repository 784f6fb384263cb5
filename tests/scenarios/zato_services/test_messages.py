"""Services over mail servers, brokers, sockets, file servers, object stores and search engines."""

from __future__ import annotations

import json

import zmq

from plugins.imap.tests.test_channel import message


def test_a_digest_by_mail(zato):
    zato.mail.clear()
    for number, subject in enumerate(("Disk full", "Größe"), 1):
        event = {"team": "ops", "subject": subject}
        assert zato.call("/digest/collect", event)["response"] == {"waiting": number}
    assert zato.call("/digest/send", {"team": "ops"})["response"] == {"sent": 2}
    [received] = zato.mail.received()
    assert received.recipients == ["ops@example.com"]
    assert received.message["Subject"].startswith("2 events of 20")
    html = received.message.get_body(("html",)).get_content()
    assert "<td>Größe</td><td>info</td>" in html
    [attached] = received.message.iter_attachments()
    content = attached.get_content()
    text = content if isinstance(content, str) else content.decode()
    assert text.splitlines() == ["info;Disk full", "info;Größe"]
    assert zato.call("/digest/send", {"team": "ops"})["response"] == {"sent": 0}


def test_an_invoice_by_mail(zato):
    zato.mail.clear()
    bill = {"number": "R-1", "customer": "Zoë", "email": "zoe@example.com"}
    assert zato.call("/mail/invoice", bill) == {"is_sent": True}
    [received] = zato.mail.received()
    assert sorted(received.recipients) == ["archive@example.com", "zoe@example.com"]
    assert received.message["X-Invoice"] == "R-1" and "Bcc" not in received.message
    assert "Dear Zoë" in received.message.get_body(("plain",)).get_content()


def test_tickets_out_of_a_mailbox(zato):
    zato.mailbox.append(message(b"", "Drucker"))
    [ticket] = zato.call("/mail/tickets", {})["tickets"]
    assert (ticket["subject"], ticket["body"]) == ("Drucker", "Grüße")
    assert json.loads(zato.redis.lpop("tickets")) == ticket
    assert zato.call("/mail/tickets", {})["tickets"] == []
    assert len(zato.mailbox.messages("INBOX", "SEEN")) == 1


def test_price_lists_over_ftp(zato):
    prices = {"TEA": "2.50", "MÜSLI": "3.10"}
    sent = zato.call("/prices/upload", {"file_name": "may.csv", "prices": prices})
    assert sent["response"]["size"] == (zato.ftp.root / "prices/may.csv").stat().st_size
    read = zato.call("/prices/read?file_name=may.csv")["response"]
    assert read == [{"sku": "MÜSLI", "price": "3.10"}, {"sku": "TEA", "price": "2.50"}]
    assert zato.call("/prices/archive", {}) == {"moved": ["may.csv"], "left": []}
    assert (zato.ftp.root / "archive/may.csv").exists()


def test_orders_in_a_folder(zato, wait):
    (zato.server.folder / "orders/may.csv").write_text("sku,pieces\nTEA,2\nRICE,1\nTEA,3\n")
    wait(lambda: zato.call("/picked-up") == {"TEA": "5", "RICE": "1"}, 30)


def test_a_catalogue_to_download(zato):
    answer = zato.ask("/catalogue/spring")
    assert answer.headers["Content-Type"].startswith("application/xml")
    assert answer.headers["Content-Disposition"] == "attachment; filename=catalogue.xml"
    assert "<article>A-1</article><article>B-2</article>" in answer.text


def test_orders_to_a_broker(zato):
    assert zato.call("/ship", {"order_no": "Ö-7"})["response"] == {"is_published": True}
    [(_, properties, body)] = zato.rabbit.read("shipments")
    order = json.loads(body)
    assert order["order_no"] == "Ö-7" and properties.headers["x-kind"] == "order"
    assert (properties.priority, properties.content_type) == (5, "application/json")
    assert properties.correlation_id == order["cid"]


def test_orders_from_a_broker(zato, wait):
    for order in ({"is_test": True}, {"order_no": "Ö-8", "carrier": "Post"}):
        zato.rabbit.send("shipped", json.dumps(order).encode())
    wait(lambda: zato.call("/seen")["shipped"] == {"Ö-8": "Post"}, 30)
    assert zato.call("/seen")["channel"] == "amqp"


def test_prices_to_a_socket(zato):
    assert zato.ask("/tick", {"symbol": "ZOË", "price": "1.5"}).status_code == 200
    assert zato.ticker.poll(30_000)
    assert zato.ticker.recv().decode() == "ZOË 1.5"


def test_prices_from_a_socket(zato, wait):
    with zmq.Context() as context, context.socket(zmq.PUSH) as socket:
        socket.connect(zato.ticks)
        socket.send_string("IBM 219.4")
        wait(lambda: zato.call("/seen")["ticks"] == {"IBM": "219.4"}, 30)


def test_receipts_in_s3(zato):
    stored = zato.call("/receipts", {"number": "7", "text": "Danke schön"})["response"]
    assert stored == {"key": "receipts/7.txt"}
    found = zato.s3.client().get_object(Bucket="orders", Key="receipts/7.txt")
    assert found["Body"].read().decode() == "Danke schön"
    assert found["ContentType"] == "text/plain"


def test_invoices_in_swift(zato):
    stored = zato.call("/distribute?target=CRM&target=Billing", {"number": "I-1"})["response"]
    assert [item["stored"] for item in stored] == ["CRM/I-1", "Billing/I-1"]
    assert json.loads(zato.swift.request("GET", "Billing/I-1").content) == {"number": "I-1"}


def test_books_in_a_search_engine(zato):
    book = {"isbn": "1", "title": "Größe"}
    assert zato.call("/books", book) == {"found": ["1"]}


def test_partners_of_an_erp(zato):
    assert isinstance(zato.call("/partners", {})["names"], list)
