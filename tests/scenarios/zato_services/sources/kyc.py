"""Know your customer: look-ups at providers that may fail, with retries, fallbacks and a score."""

import json

from zato.common.exception import ServiceUnavailable
from zato.common.typing_ import list_field
from zato.server.service import Model, Service, dataclass


@dataclass(init=False)
class Person(Model):
    first_name: str
    last_name: str
    born: str
    country: str


@dataclass(init=False)
class Verdict(Model):
    status: str
    provider: str
    score: int
    reasons: list = list_field()


class CheckPrimary(Service):
    """Asks the provider that we pay for."""

    def handle(self):
        person = self.request.payload
        response = self.out.rest["KYC primary"].conn.post(self.cid, person)
        if response.status_code != 200:
            raise Exception("Primary provider said {}".format(response.status_code))
        self.response.payload = {
            "score": int(response.data["risk"] * 100),
            "reasons": response.data["hits"],
        }


class CheckFallback(Service):
    """Asks a slower one, which wants a query."""

    def handle(self):
        person = self.request.payload
        params = {"name": "{first_name} {last_name}".format(**person), "born": person["born"]}
        response = self.out.rest["KYC fallback"].conn.get(self.cid, params)
        if not response.ok:
            raise ServiceUnavailable(self.cid, "No provider answers")
        self.response.payload = {
            "score": 90 if response.data["listed"] else 5,
            "reasons": ["listed"] if response.data["listed"] else [],
        }


class Check(Service):
    """Gives a verdict on a person."""

    input = Person
    output = Verdict

    def handle(self):
        person = self.request.input.to_dict()
        try:
            found = self.patterns.invoke_retry.invoke(
                "kyc.check-primary", person, repeats=2, seconds=1
            )
            provider = "primary"
        except Exception as e:
            self.logger.warning("Falling back because of %s", e)
            found = self.invoke("kyc.check-fallback", person)
            provider = "fallback"

        verdict = Verdict()
        verdict.provider = provider
        verdict.score = found["score"]
        verdict.reasons = found["reasons"]
        verdict.status = "rejected" if verdict.score >= 80 else "accepted"
        self.response.payload = verdict


class CheckBatch(Service):
    """Checks many persons, and keeps the verdicts."""

    input = "persons"
    output = "accepted", "rejected"

    def handle(self):
        counts = {"accepted": 0, "rejected": 0}
        for person in self.request.input.persons:
            verdict = self.invoke(Check, person)
            if hasattr(verdict, "to_dict"):
                verdict = verdict.to_dict()
            counts[verdict["status"]] += 1
            self.kvdb.conn.hset("kyc", person["last_name"], json.dumps(verdict))
        self.response.payload = counts
