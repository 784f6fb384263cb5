"""Typed messages of Zato 3.2: dataclasses, nested and in lists."""

from typing import Optional

from zato.common.typing_ import list_
from zato.server.service import Model, Service, dataclass


@dataclass(init=False)
class Address(Model):
    street: str
    city: str
    zip_code: Optional[str] = None


@dataclass(init=False)
class Employee(Model):
    name: str
    salary: int
    address: Address
    skills: list_[str]


@dataclass(init=False)
class Payslip(Model):
    name: str
    net: float
    city: str


class HireEmployees(Service):
    """Takes a list of employees within an object, and answers with payslips."""

    input = list_[Employee]
    output = list_[Payslip]

    def handle(self):
        slips = []
        for employee in self.request.input:
            slip = Payslip()
            slip.name = employee.name
            slip.net = employee.salary * 0.75
            slip.city = employee.address.city
            slips.append(slip)
        self.response.payload = slips


class Promote(Service):
    """Changes one employee and gives it back."""

    input = Employee
    output = Employee

    def handle(self):
        employee = self.request.input
        employee.salary += 1000
        employee.skills.append("leadership")
        self.response.payload = employee


class OptionalParts(Service):
    """Shorthand with optional names and types by prefix."""

    input = "user_id", "-is_admin", "-nick"
    output = "user_id", "is_admin", "-nick"

    def handle(self):
        self.response.payload.user_id = self.request.input.user_id + 1
        self.response.payload.is_admin = bool(self.request.input.is_admin)
        if self.request.input.nick:
            self.response.payload.nick = self.request.input.nick.lower()


class PathAndQuery(Service):
    """What came in the path, in the query, and in headers."""

    input = "region", "-limit", "-sort"

    def handle(self):
        self.response.payload = {
            "region": self.request.input.region,
            "limit": self.request.input.limit,
            "sort": self.request.http.GET.get("sort"),
            "method": self.request.http.method,
            "agent": self.wsgi_environ["HTTP_USER_AGENT"],
            "via": self.channel.name,
        }
