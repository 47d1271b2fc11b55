# METADATA
# title: Somebody gives rights that reach everything
package lib.alerts.privilege

import data.lib.alerts.facts

# METADATA
# title: What was found
found contains facts.alert("administrator_made", "critical", "an administrator's policy was attached") if {
	facts.operation in {"AttachUserPolicy", "AttachRolePolicy", "AttachGroupPolicy"}
	some suffix in {"/AdministratorAccess", "/IAMFullAccess", "/PowerUserAccess"}
	endswith(facts.request.policyArn, suffix)
}

found contains facts.alert("rights_without_bounds", "critical", "a policy allows everything, or everything of IAM") if {
	facts.operation in {
		"PutUserPolicy", "PutRolePolicy", "PutGroupPolicy", "CreatePolicy", "CreatePolicyVersion",
	}
	some statement in _statements(facts.request.policyDocument)
	statement.Effect == "Allow"
	some action in _list(statement.Action)
	lower(action) in {"*", "*:*", "iam:*"}
}

found contains facts.alert("role_opened", "critical", "a role may be taken from outside its account") if {
	some member in {"assumeRolePolicyDocument", "policyDocument"}
	facts.operation == _trusts[member]
	some statement in _statements(facts.request[member])
	statement.Effect == "Allow"
	some principal in _principals(statement)
	_is_foreign(principal)
}

found contains facts.alert("credentials_for_another", "high", "credentials were made for another user") if {
	facts.operation in {"CreateAccessKey", "CreateLoginProfile", "UpdateLoginProfile"}
	facts.request.userName != object.get(facts.event.userIdentity, "userName", "")
}

_trusts := {"assumeRolePolicyDocument": "CreateRole", "policyDocument": "UpdateAssumeRolePolicy"}

# CloudTrail has the document as a text, and IAM takes JSON only, which is YAML too.
_statements(text) := _list(yaml.unmarshal(text).Statement) if startswith(text, "{")

_principals(statement) := _list(statement.Principal.AWS) if is_object(statement.Principal)

_principals(statement) := ["*"] if statement.Principal == "*"

_is_foreign("*")

_is_foreign(principal) if {
	principal != "*"
	account := _account(principal)
	account != facts.event.recipientAccountId
}

_account(principal) := principal if not contains(principal, ":")

_account(principal) := split(principal, ":")[4] if startswith(principal, "arn:")

_list(value) := value if is_array(value)

_list(value) := [value] if not is_array(value)
