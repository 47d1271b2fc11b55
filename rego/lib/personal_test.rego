package lib.personal_test

import data.lib.personal

_event := {
	"email": "ann@example.org",
	"note": "call me",
	"peer": "10.1.2.3",
	"paid": "4111 1111 1111 1111",
	"ssn": 123456789,
	"people": [{"first_name": "Ann"}, {"first_name": "Bob", "a/b~c": "b@example.org"}],
	"empty": {"email": ""},
}

test_members_are_found_by_name_and_by_shape if {
	personal.found(_event, "/input/event") == [
		{"kind": "card", "pointer": "/input/event/paid"},
		{"kind": "email", "pointer": "/input/event/email"},
		{"kind": "email", "pointer": "/input/event/people/*/a~1b~0c"},
		{"kind": "ip", "pointer": "/input/event/peer"},
		{"kind": "name", "pointer": "/input/event/people/*/first_name"},
		{"kind": "number", "pointer": "/input/event/ssn"},
	]
}

test_each_pointer_once if {
	personal.pointers({"people": [{"email": "a@b.c"}, {"email": "d@e.f"}]}, "/input/event") == ["/input/event/people/*/email"]
}

test_a_label_names_kinds_and_nobody if {
	personal.label(_event) == "card,email,ip,name,number"
	personal.label({"a": 1}) == "none"
	personal.label("ann@example.org") == "none"
}

test_nothing_more_is_found_in_what_remains if {
	personal.found(object.remove(_event, ["email", "peer", "paid", "ssn", "people"]), "/input/event") == []
}

test_the_shape_of_an_address_of_mail if {
	personal.is_email("a@b.c")
	every text in ["a@b", "@b.c", "a@@b.c", "a b@c.d", "a@.c", "a@b.", "", null, 7] {
		not personal.is_email(text)
	}
}

test_the_shape_of_an_address_of_the_internet if {
	personal.is_ipv4("255.0.0.1")
	every text in ["256.0.0.1", "1.2.3", "1.2.3.4.5", "1.2.3.", "1.2.3.x", "1.2.3.-4", null, 7] {
		not personal.is_ipv4(text)
	}
}

test_the_number_of_a_card_passes_its_check if {
	every text in ["4111111111111111", "4111-1111-1111-1111", "378282246310005", "6304000000000000"] {
		personal.is_card(text)
	}
	every text in ["4111111111111112", "411111", "41111111111111111111", "4111x11111111111", "", null, 4111111111111111] {
		not personal.is_card(text)
	}
}
