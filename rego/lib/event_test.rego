package lib.event_test

import data.lib.event

test_nothing_is_known_of_an_empty_event if {
	event.source == "unknown" with input as {"event": {}}
	event.operation == "unknown" with input as {"event": {}}
	event.outcome == "unknown" with input as {"event": {}}
}

test_an_error_code_wins_over_a_claimed_success if {
	claimed := {"event": {"errorCode": "AccessDenied", "eventName": "x", "outcome": "success"}}
	event.outcome == "failure" with input as claimed
}

test_labels_are_short_plain_words if {
	event.label("a.b:c/d-e_f9") == "a.b:c/d-e_f9"
	not event.label("")
	not event.label("a b")
	not event.label("ä")
	not event.label("a\u0000")
	not event.label(7)
	not event.label(null)
}
