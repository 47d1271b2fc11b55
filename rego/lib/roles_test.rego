package lib.roles_test

import data.lib.roles

_caller(properties) := {"ledger": {"name": "payments"}, "subject": {"properties": properties}}

_table := {"": ["admin", "service"], "https://partner.example": ["auditor"]}

test_an_issuer_gives_only_the_roles_that_it_is_believed_about if {
	roles.believed(_table) == {"admin"} with input as _caller({"issuer": null, "roles": ["admin", "auditor"]})
	partner := {"issuer": "https://partner.example", "roles": ["admin", "auditor"]}
	roles.believed(_table) == {"auditor"} with input as _caller(partner)
	roles.believed(_table) == set() with input as _caller({"issuer": "https://other.example", "roles": ["admin"]})
	roles.believed(_table) == set() with input as {}
}

test_a_role_brings_what_it_includes_and_a_circle_ends if {
	includes := {"admin": ["auditor"], "auditor": ["reader"], "reader": ["auditor"]}
	roles.with_included({"admin"}, includes) == {"admin", "auditor", "reader"}
	roles.with_included({"reader"}, includes) == {"reader", "auditor"}
	roles.with_included({"service"}, includes) == {"service"}
	roles.with_included(set(), includes) == set()
}

test_a_role_of_another_ledger_is_none if {
	given := {"roles": ["auditor@payments", "admin@orders", "@payments", "service", "a@payments@orders"]}
	roles.of_ledger == {"auditor"} with input as _caller(given)
	roles.of_ledger == set() with input as {"subject": {"properties": given}}
}

test_scopes_are_words if {
	given := {"scope": "openid stele:append stele:read steler stele:"}
	roles.of_scope("stele:") == {"append", "read"} with input as _caller(given)
	roles.of_scope("stele:") == set() with input as _caller({"scope": ["stele:append"]})
	roles.of_scope("stele:") == set() with input as _caller({})
}

test_a_tenant_is_one_by_name if {
	roles.is_of_tenant("t1") with input as _caller({"tenant": "t1"})
	not roles.is_of_tenant("t2") with input as _caller({"tenant": "t1"})
	not roles.is_of_tenant("") with input as _caller({"tenant": ""})
	not roles.is_of_tenant("t1") with input as _caller({})
	not roles.is_of_tenant(null) with input as _caller({"tenant": null})
}
