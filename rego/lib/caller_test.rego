package lib.caller_test

import data.lib.caller

test_only_texts_are_roles if {
	caller.roles == {"admin"} with input as {"subject": {"properties": {"roles": ["admin", 1, null]}}}
	caller.roles == set() with input as {"subject": {"properties": {"roles": "admin"}}}
	caller.roles == set() with input as {"subject": {}}
	caller.roles == set() with input as {}
}

test_a_caller_without_a_name_owns_nothing if {
	nobody := {"id": "", "issuer": null, "type": "anonymous"}
	not caller.is_owner with input as {
		"resource": {"type": "entry", "properties": {"owner": nobody}},
		"subject": {"type": "anonymous", "id": "", "properties": {"issuer": null}},
	}
}

test_only_entries_have_owners if {
	ada := {"id": "ada", "issuer": null, "type": "user"}
	subject := {"type": "user", "id": "ada", "properties": {"issuer": null}}
	caller.is_owner with input as {
		"resource": {"type": "entry", "properties": {"owner": ada}},
		"subject": subject,
	}
	not caller.is_owner with input as {
		"resource": {"type": "ledger", "properties": {"owner": ada}},
		"subject": subject,
	}
}

test_two_missing_issuers_are_not_the_same if {
	not caller.is_owner with input as {
		"resource": {"type": "entry", "properties": {"owner": {"id": "ada", "type": "user"}}},
		"subject": {"type": "user", "id": "ada", "properties": {}},
	}
}
