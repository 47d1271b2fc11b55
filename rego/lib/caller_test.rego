package lib.caller_test

import data.lib.caller

test_only_texts_are_roles if {
	caller.roles == {"admin"} with input as {"subject": {"properties": {"roles": ["admin", 1, null]}}}
	caller.roles == set() with input as {"subject": {"properties": {"roles": "admin"}}}
	caller.roles == set() with input as {"subject": {}}
	caller.roles == set() with input as {}
}

test_only_entries_have_owners if {
	caller.is_owner with input as {"resource": {"type": "entry", "properties": {"owned": true}}}
	not caller.is_owner with input as {"resource": {"type": "ledger", "properties": {"owned": true}}}
}

test_only_true_is_owned if {
	every word in [false, null, "true", 1, {}] {
		not caller.is_owner with input as {"resource": {"type": "entry", "properties": {"owned": word}}}
	}
}

test_nothing_said_is_not_owned if {
	not caller.is_owner with input as {"resource": {"type": "entry", "properties": {}}}
	not caller.is_owner with input as {"resource": {"type": "entry"}}
}
