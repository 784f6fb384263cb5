"""Contacts of a CRM kept in step with a newsletter service, both over HTTP."""

from __future__ import absolute_import, division, print_function, unicode_literals

import json
from urllib import quote_plus

import anyjson
from bunch import bunchify

from zato.common import ZatoException
from zato.server.service import Service


class GetContact(Service):
    """Reads one contact of the CRM and gives it in our own names."""

    class SimpleIO:
        input_required = ("contact_id",)
        output_optional = ("contact_id", "full_name", "email", "country")

    def handle(self):
        crm = self.outgoing.plain_http.get("CRM")
        response = crm.conn.get(self.cid, {"contact_id": self.request.input.contact_id})
        if response.status_code != 200:
            self.logger.warn("CRM said %s: %s", response.status_code, response.text)
            raise ZatoException(self.cid, "The CRM does not answer")

        contact = bunchify(anyjson.deserialize(response.text))
        self.response.payload.contact_id = contact.Id
        self.response.payload.full_name = "{} {}".format(contact.FirstName, contact.LastName)
        self.response.payload.email = contact.Email
        self.response.payload.country = contact.MailingAddress.Country


class SyncContact(Service):
    """Copies one contact into the newsletter service; new ones are created there."""

    class SimpleIO:
        input_required = ("contact_id",)
        output_required = ("action",)

    def handle(self):
        contact = self.invoke("crm-sync.get-contact", self.request.input)["response"]
        news = self.outgoing.plain_http.get("Newsletter").conn
        member = {"email_address": contact["email"], "full_name": contact["full_name"]}
        found = news.get(self.cid, {"email": contact["email"]})
        if found.status_code == 404:
            news.post(self.cid, json.dumps(member), {"email": contact["email"]})
            self.response.payload.action = "created"
        elif found.data["full_name"] != member["full_name"]:
            news.put(
                self.cid,
                member,
                {"email": contact["email"]},
                headers={"X-Reason": quote_plus("name changed")},
            )
            self.response.payload.action = "updated"
        else:
            self.response.payload.action = "unchanged"


class SyncAll(Service):
    """Walks through the pages of the CRM, and synchronizes each contact."""

    def handle(self):
        page, actions = 1, {}
        while page:
            response = self.outgoing.plain_http["CRM list"].conn.get(self.cid, {"page": page})
            for contact in response.data["contacts"]:
                done = self.invoke(
                    SyncContact.get_name(), {"contact_id": contact["Id"]}, as_bunch=True
                )
                action = done.response.action
                actions[action] = actions.get(action, 0) + 1
            page = response.data.get("next_page")
        self.response.payload = actions
        for key, value in sorted(actions.iteritems()):
            self.logger.info("%s contacts: %s", key, value)


class ContactChanged(Service):
    """Called by the CRM; the work is done later, and noted in Redis."""

    def handle(self):
        for event in self.request.payload["events"]:
            cid = self.invoke_async(
                "crm-sync.note-change", {"contact_id": event["objectId"]}, cid=self.cid
            )
            self.logger.info("Accepted as %s", cid)
        self.response.payload = {"accepted": len(self.request.payload["events"])}
        self.response.status_code = 202


class NoteChange(Service):
    """Synchronizes in the background."""

    def handle(self):
        payload = self.request.payload
        done = self.invoke("crm-sync.sync-contact", payload)
        self.kvdb.conn.hset("crm:changes", payload["contact_id"], done["response"]["action"])


class ListChanges(Service):
    """What has been synchronized in the background."""

    def handle(self):
        self.response.payload = json.dumps(self.kvdb.conn.hgetall("crm:changes"))
        self.response.content_type = "application/json"
