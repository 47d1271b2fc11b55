# METADATA
# title: Roles and ownership from tokens
# description: |
#   A token names roles, scopes and a tenant; the gateway vouches for the claims, not for what they mean. Tables say that, and
#   come from the policy that imports this package. What is missing or misshapen grants nothing.
package lib.roles

import data.lib.caller

# METADATA
# title: Roles that the caller's issuer may give
# description: |
#   `table` names the roles that each issuer is believed about, "" standing for the gateway's own keys. A partner whose tokens
#   are accepted can so make no administrators.
believed(table) := {role |
	some role in table[_issuer]
	role in caller.roles
}

# METADATA
# title: Roles with all that they include
# description: |
#   `includes` lists for a role those that come with it, to any depth; circles do no harm.
with_included(roles, includes) := graph.reachable(
	object.union(includes, {role: [] |
		some role in roles
		not includes[role]
	}),
	roles,
)

# METADATA
# title: Roles that are given for this ledger alone
# description: A role `auditor@payments` is `auditor` where `ledger.name` is `payments`, and nothing anywhere else.
of_ledger contains role if {
	some given in caller.roles
	[role, name] := split(given, "@")
	role != ""
	name == input.ledger.name
}

# METADATA
# title: Scopes of an OAuth token that begin with a prefix, as roles
of_scope(prefix) := {role |
	some word in split(input.subject.properties.scope, " ")
	startswith(word, prefix)
	role := trim_prefix(word, prefix)
	role != ""
}

# METADATA
# title: Whether the caller belongs to a tenant
# description: Of the same spelling; an empty name is nobody's.
is_of_tenant(name) if {
	is_string(name)
	name != ""
	input.subject.properties.tenant == name
}

default _issuer := ""

_issuer := input.subject.properties.issuer if is_string(input.subject.properties.issuer)
