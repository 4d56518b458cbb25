from clientflow_core.providers.observers import Observers
from clientflow_core.registry.call_watch import CallWatch
from tests.notebook import Notebook


def test_call_is_a_span_with_its_provider_and_operation() -> None:
    book, watch = Notebook(), CallWatch()
    with watch.span("twilio", "send"):
        assert book.spans == []
    watch.observers = Observers([book])
    with watch.span("twilio", "send"):
        pass
    assert book.spans == [("twilio.send", None, {"provider": "twilio", "operation": "send"})]
