"""Connections that need a declaration only, in the styles of 2.0 and of 3.2."""

from zato.server.service import Model, RESTAdapter, Service, dataclass
from zato.server.service.adapter import JSONAdapter


class WeatherAt(JSONAdapter):
    """JSON in, JSON out, by Zato 2's adapter."""

    outconn = "Weather"
    method = "GET"
    params_to_qs = True


class OpenTicket(JSONAdapter):
    """The same with POST and a parameter of ours."""

    outconn = "Tickets"
    method = "POST"
    params = {"project": "OPS"}


@dataclass(init=False)
class Forecast(Model):
    city: str
    celsius: float


class GetForecast(RESTAdapter):
    """Calls a REST API, and maps what it says to a model."""

    conn_name = "Weather"
    method = "GET"
    input = "city"

    def get_query_string(self, params):
        return {"city": self.request.input.city, "units": "metric"}

    def map_response(self, data, **kwargs):
        forecast = Forecast()
        forecast.city = data["city"]
        forecast.celsius = data["temperature"]
        return forecast


class UsersOfTenant(RESTAdapter):
    """Calls a REST API with a variable in its path and a header of its own."""

    conn_name = "Tenants"
    method = "GET"
    input = "tenant"

    def get_path_params(self, params):
        return {"tenant": self.request.input.tenant}

    def get_headers(self):
        return {"X-Tenant": self.request.input.tenant}


class Report(Service):
    """Uses an adapter as any other service."""

    input = "city"
    output = "text"

    def handle(self):
        forecast = self.invoke("adapters.get-forecast", {"city": self.request.input.city})
        if isinstance(forecast, dict):
            celsius = forecast["celsius"]
        else:
            celsius = forecast.celsius
        self.response.payload.text = "{} degrees".format(celsius)
