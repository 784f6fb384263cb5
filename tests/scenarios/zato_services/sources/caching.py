"""Caches of Zato 3: prices that are kept for a while, and carts of customers in a cache of their own."""

from zato.server.service import Service


class GetPrice(Service):
    """A price out of the cache, else of the shop."""

    input = "sku"
    output = "price", "source"

    def handle(self):
        key = "price:" + self.request.input.sku
        price = self.cache.default.get(key)
        self.response.payload.source = "cache" if price else "shop"
        if not price:
            response = self.out.rest["Weather"].conn.get(self.cid, {"city": self.request.input.sku})
            price = response.data["temperature"]
            self.cache.default.set(key, price, expiry=600)
        self.response.payload.price = price


class ForgetPrices(Service):
    """Empties the cache of prices, all or those of one kind."""

    input = "-kind"

    def handle(self):
        prefix = "price:" + (self.request.input.kind or "")
        self.cache.default.delete_by_prefix(prefix)
        self.response.payload = {"left": sorted(self.cache.default.keys())}


class AddToCart(Service):
    """Puts something into the cart of a customer."""

    input = "customer", "sku"
    output = "items"

    def handle(self):
        carts = self.cache.get_cache("builtin", "carts")
        customer = self.request.input.customer
        items = carts.get(customer) or []
        items.append(self.request.input.sku)
        carts.set(customer, items, expiry=3600)
        self.response.payload.items = items
