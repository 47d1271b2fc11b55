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

found contains facts.alert("rights_without_bounds", "critical", "a policy allows everything, everything of IAM, or all but some") if {
	facts.operation in {
		"PutUserPolicy", "PutRolePolicy", "PutGroupPolicy", "CreatePolicy", "CreatePolicyVersion",
	}
	some statement in _statements(facts.request.policyDocument)
	statement.Effect == "Allow"
	_is_boundless(statement)
}

found contains facts.alert("role_opened", "critical", "a role may be taken from outside its account") if {
	some member in {"assumeRolePolicyDocument", "policyDocument"}
	facts.operation == _trusts[member]
	some statement in _statements(facts.request[member])
	statement.Effect == "Allow"
	_is_for_strangers(statement)
}

found contains facts.alert("resource_opened", "critical", "the policy of a resource allows everybody, or all but some") if {
	policy := object.get(facts.request, _policy_at[facts.operation], null)
	object.get(facts.request, "attributeName", "Policy") == "Policy"
	some statement in _statements(policy)
	statement.Effect == "Allow"
	_is_for_all(statement)
}

found contains facts.alert("credentials_for_another", "high", "credentials were made for another user") if {
	facts.operation in {"CreateAccessKey", "CreateLoginProfile", "UpdateLoginProfile"}
	facts.request.userName != object.get(facts.event.userIdentity, "userName", "")
}

_trusts := {"assumeRolePolicyDocument": "CreateRole", "policyDocument": "UpdateAssumeRolePolicy"}

# Where the policy of a resource stands in what was asked.
_policy_at := {
	"CreateKey": ["policy"],
	"CreateQueue": ["attributes", "Policy"],
	"CreateTopic": ["attributes", "Policy"],
	"PutBucketPolicy": ["bucketPolicy"],
	"PutKeyPolicy": ["policy"],
	"PutResourcePolicy": ["resourcePolicy"],
	"SetQueueAttributes": ["attributes", "Policy"],
	"SetTopicAttributes": ["attributeValue"],
}

_is_boundless(statement) if {
	some action in _list(statement.Action)
	regex.match(_boundless, trim_space(lower(action)))
}

# All but what it names, and what comes to be tomorrow.
_is_boundless(statement) if statement.NotAction

_is_for_strangers(statement) if {
	some principal in _principals(statement)
	_is_foreign(principal)
}

_is_for_strangers(statement) if statement.NotPrincipal

_is_for_all(statement) if statement.NotAction

_is_for_all(statement) if statement.NotPrincipal

# A condition may keep all but its own out, where there is anything in it.
_is_for_all(statement) if {
	"*" in _principals(statement)
	count({key | some operator in object.get(statement, "Condition", {}); some key, _ in operator}) == 0
}

# Everything, or everything of IAM, with whatever wildcards it is written.
_boundless := `^([*?]+|[iam*?]+:[*?]+)$`

# CloudTrail has the document as a text. IAM takes JSON only, which is YAML too, and as long and as deep as this.
_statements(text) := _list(yaml.unmarshal(document).Statement) if {
	document := _normal(_decoded(text))
	count(document) <= 20480
	regex.match(_json, document)
	_peeled(_peeled(_peeled(_peeled(regex.replace(document, `"[^"]*"|[^\[\]{}"]+`, ""))))) == ""
}

_statements(document) := _list(document.Statement) if is_object(document)

# JSON has quotes, so a text without any is URL-encoded.
_decoded(text) := text if {
	contains(text, `"`)
	not startswith(trim_space(text), "%")
} else := urlquery.decode(text)

# One spelling of everything: `*` as an escape is `*`, white space is one space. What no rule looks for need not stay as it is.
_normal(text) := trim_space(regex.replace(plain, `\\u[0-9a-fA-F]{4}|[^!-~]+`, " ")) if {
	plain := strings.replace_n(_spellings, text)
}

_spellings := object.union(
	{`\\`: "/", `\/`: "/", `\"`: "'", `\u0022`: "'", `\u005c`: "/", `\u005C`: "/"},
	{escape: character |
		some code in numbers.range(33, 126)
		not code in {34, 92}
		some form in ["\\u%04x", "\\u%04X"]
		escape := sprintf(form, [code])
		character := urlquery.decode(sprintf("%%%02x", [code]))
	},
)

# What else `yaml.unmarshal` takes would end the evaluation, and all other alerts with it.
_json := `^\{([ {}\[\],:0-9.eE+truefalsn-]|"([^"\\]|\\[bfnrt])*")*\}$`

# Without its two innermost levels.
_peeled(brackets) := strings.replace_n(_pairs, strings.replace_n(_pairs, brackets))

_pairs := {"[]": "", "{}": ""}

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
