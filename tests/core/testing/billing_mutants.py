"""Billing providers that are broken in one way each, and the check that notices it."""

from typing import Final

from tests.scaffolds import Mutant, broken

_ANSWERS, _PROVIDER, _ERRORS = "answers.py", "provider.py", "errors.py"
_WEBHOOKS, _SANDBOX = "webhooks.py", "sandbox.py"
_KEY: Final = 'headers["Idempotency-Key"] = key'
_AMOUNT: Final = 'minor=fields["amount"]'
_CUSTOMER: Final = 'answer = await self._ask("POST", "/v1/customers", body=body, key=key)'

MUTANTS: Final[list[Mutant]] = [
    # Plans
    broken("untitled", "plans.are-whole", _ANSWERS, 'title=_words(fields, "title")', 'title=""'),
    broken(
        "onekey", "plans.are-whole", _ANSWERS, 'key=_words(fields, "key")', 'key="the_only_plan"'
    ),
    broken(
        "dollars",
        "plans.prices-are-exact",
        _ANSWERS,
        _AMOUNT,
        'minor=fields["amount"] // 100 * 100',
    ),
    broken(
        "centsofyen",
        "plans.prices-are-exact",
        _ANSWERS,
        _AMOUNT,
        'minor=fields["amount"] * (100 if fields["currency"] == "JPY" else 1)',
    ),
    broken(
        "hundredths",
        "plans.prices-are-exact",
        _ANSWERS,
        _AMOUNT,
        'minor=fields["amount"] // (10 if fields["currency"] in {"KWD", "BHD"} else 1)',
    ),
    broken(
        "oldprices",
        "plans.key-outlives-its-price",
        _PROVIDER,
        'answer = await self._ask(_READS, "/v1/prices")',
        'answer = vars(self).setdefault("seen", await self._ask(_READS, "/v1/prices"))',
    ),
    # Customers, checkouts and portals
    broken(
        "newcustomers",
        "customer.is-one-for-each-organization",
        _PROVIDER,
        '"reference": str(organization.organization_id)',
        '"reference": key',
    ),
    broken(
        "byemail",
        "customer.is-one-for-each-organization",
        _PROVIDER,
        '"reference": str(organization.organization_id)',
        '"reference": organization.email',
    ),
    broken(
        "openpage",
        "checkout.page-is-safe",
        _ANSWERS,
        "return HostedPage(url=url,",
        'return HostedPage(url="http://pay.example/1",',
    ),
    broken(
        "openportal",
        "portal.page-is-safe",
        _ANSWERS,
        "return HostedPage(url=url,",
        'return HostedPage(url="http://pay.example/1",',
    ),
    broken(
        "soldearly",
        "checkout.sells-when-it-is-paid",
        _SANDBOX,
        "checkout = self._books.begin_checkout(fields)",
        "self._books.pay(checkout := self._books.begin_checkout(fields))",
    ),
    broken(
        "cheapest",
        "checkout.sells-when-it-is-paid",
        _PROVIDER,
        '"plan": request.plan_key',
        '"plan": "starter"',
    ),
    broken(
        "notrial",
        "checkout.trial-is-a-trial",
        _PROVIDER,
        '"trial_days": request.trial_days',
        '"trial_days": 0',
    ),
    broken(
        "neversayswhy",
        "checkout.unknown-names-are-rejected",
        _ERRORS,
        "HTTPStatus.UNPROCESSABLE_ENTITY}",
        "HTTPStatus.GONE}",
    ),
    broken(
        "oneatatime",
        "checkout.many-at-once",
        _PROVIDER,
        _CUSTOMER,
        'vars(self)["body"] = body\n'
        '        await __import__("asyncio").sleep(0)\n'
        "        " + _CUSTOMER.replace("body=body", 'body=vars(self)["body"]'),
    ),
    # Subscriptions
    broken(
        "whose",
        "subscription.is-whole",
        _ANSWERS,
        'provider_customer_id=_words(fields, "customer"),\n        plan_key',
        "provider_customer_id=read_id(fields),\n        plan_key",
    ),
    broken(
        "zoneless",
        "subscription.is-whole",
        _ANSWERS,
        "    return moment\n",
        "    return moment.replace(tzinfo=None)\n",
    ),
    broken(
        "oldestfirst",
        "subscription.is-whole",
        _PROVIDER,
        'lambda one: read_list(one, "subscriptions", read_subscription)',
        'lambda one: read_list(one, "subscriptions", read_subscription)[::-1]',
    ),
    broken(
        "notfound",
        "subscription.unknown-one-is-rejected",
        _ERRORS,
        "HTTPStatus.NOT_FOUND",
        "HTTPStatus.GONE",
    ),
    broken(
        "stays",
        "subscription.plan-is-changed",
        _PROVIDER,
        'body={"plan": plan_key}',
        'body={"plan": "starter"}',
    ),
    broken(
        "atonce",
        "subscription.ends-when-it-is-asked-to",
        _PROVIDER,
        '{"at_once": is_at_once}',
        '{"at_once": True}',
    ),
    broken(
        "endless",
        "subscription.ends-when-it-is-asked-to",
        _ANSWERS,
        'is_ending=fields["ends_with_period"] is True',
        "is_ending=False",
    ),
    broken(
        "trusting",
        "subscription.unpaid-is-not-active",
        _ANSWERS,
        "SubscriptionStatus.PAST_DUE",
        "SubscriptionStatus.ACTIVE",
    ),
    broken(
        "mixednames",
        "subscription.events-name-it",
        _WEBHOOKS,
        'provider_customer_id=_read_id(about, "customer")',
        'provider_customer_id=_read_id(about, "id")',
    ),
    broken(
        "deaftofailure",
        "subscription.events-converge",
        _WEBHOOKS,
        '        "payment.failed",\n',
        "",
    ),
    broken(
        "deaftotheend",
        "subscription.events-converge",
        _WEBHOOKS,
        '        "subscription.ended",\n',
        "",
    ),
    broken(
        "remembers",
        "subscription.events-converge",
        _PROVIDER,
        "answer = await self._ask(_READS, _path_of(provider_subscription_id))",
        "answer = vars(self).setdefault(provider_subscription_id, await self._ask(_READS, "
        "_path_of(provider_subscription_id)))",
    ),
    # Charges
    broken(
        "ownkeys",
        "charge.same-key-is-one-effect",
        _PROVIDER,
        _KEY,
        f'{_KEY} + __import__("secrets").token_hex(4)',
    ),
    broken(
        "onekeyforall",
        "charge.another-key-is-another-effect",
        _PROVIDER,
        _KEY,
        'headers["Idempotency-Key"] = "mine" + path',
    ),
    broken(
        "countstwice",
        "usage.counts-once",
        _PROVIDER,
        '"id": str(report.id)',
        '"id": __import__("secrets").token_hex(4)',
    ),
    broken(
        "countsthefirst",
        "usage.counts-once",
        _PROVIDER,
        '"id": str(report.id)',
        '"id": report.meter',
    ),
    broken(
        "allpaid",
        "invoices.are-exact",
        _ANSWERS,
        'status=InvoiceStatus(fields["status"])',
        "status=InvoiceStatus.PAID",
    ),
    broken(
        "rounds",
        "invoices.are-exact",
        _ANSWERS,
        "total=read_money(fields)",
        'total=Money(minor=fields["amount"] + 1, currency=fields["currency"])',
    ),
    # What every kind is asked: each of its calls, not the first alone
    broken(
        "chatty",
        "secrecy.errors-and-logs-hold-no-secret",
        _PROVIDER,
        'path = f"{_path_of(provider_subscription_id)}/cancel"',
        "print(self._settings.api_key.reveal())\n"
        '        path = f"{_path_of(provider_subscription_id)}/cancel"',
    ),
    broken(
        "readingisunknown",
        "errors.reading-says-unavailable",
        _PROVIDER,
        "raise map_failure(error, is_change=method != _READS) from error",
        "raise map_failure(error, is_change=True) from error",
    ),
]
