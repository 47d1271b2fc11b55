# METADATA
# title: What the gateway asks
# description: |
#   The only rules that the gateway calls. Each puts together one decision from the package that reasons about it.
#   `stele/alert` stands beside them, for policies that are built with it.
package stele

import data.policy.admin as admin_policy
import data.policy.append as append_policy
import data.policy.read as read_policy

# METADATA
# title: May this event be appended?
# description: Always one object of the shape in rego/README.md.
# entrypoint: true
append := {
	"allow": append_policy.allow,
	"class": append_policy.class,
	"labels": append_policy.labels,
	"mask": append_policy.mask,
	"reasons": sort(append_policy.reasons),
}

# METADATA
# title: May this be read, and how much of it?
# description: Always one object of the shape in rego/README.md.
# entrypoint: true
read := object.union(
	{
		"allow": read_policy.allow,
		"reasons": sort(read_policy.reasons),
		"record": read_policy.recorded,
	},
	read_policy.view,
)

# METADATA
# title: May this be administered, and with how many approvals?
# description: Always one object of the shape in rego/README.md.
# entrypoint: true
admin := {
	"allow": admin_policy.allow,
	"approvals_needed": admin_policy.approvals_needed,
	"reasons": sort(admin_policy.reasons),
}
