# METADATA
# title: Retention classes, with the clause that asks for each
# description: |
#   Periods as laws and standards name them, as data to choose from. It is engineering guidance and no legal advice: whether a
#   rule applies to you, from when it counts and what else does is for your counsel. `days` is the longest that the period can
#   be, leap days included. Where the clock starts with an event, `from` names it and the class of the ledger has no days until
#   the event says so. `days` of null with no floor in the law is for you to set.
package lib.retention

# METADATA
# title: The classes
classes := {
	"pci_dss": {
		"regime": "PCI DSS v4.0.1",
		"clause": "Requirement 10.5.1",
		"says": "audit log history for at least 12 months, the most recent three months available at once",
		"days": 366,
		"from": "entry",
		"mode": "compliance",
		"erasable": false,
	},
	"sox_audit": {
		"regime": "Sarbanes-Oxley Act, Regulation S-X",
		"clause": "17 CFR 210.2-06(a)",
		"says": "an accountant keeps records relevant to an audit or review for seven years after it is concluded",
		"days": 2557,
		"from": "conclusion of the audit or review",
		"mode": "compliance",
		"erasable": false,
	},
	"hipaa": {
		"regime": "HIPAA Security Rule",
		"clause": "45 CFR 164.316(b)(2)(i)",
		"says": "required documentation for six years from its creation or from when it last was in effect, the later of both",
		"days": 2192,
		"from": "creation, or the end of effect",
		"mode": "compliance",
		"erasable": false,
	},
	"gdpr": {
		"regime": "Regulation (EU) 2016/679 (GDPR)",
		"clause": "Article 5(1)(e)",
		"says": "personal data in identifiable form no longer than its purposes need: a ceiling, which the controller sets",
		"days": null,
		"from": "purpose",
		"mode": "none",
		"erasable": true,
	},
	"sec_17a4_six_years": {
		"regime": "Securities Exchange Act",
		"clause": "17 CFR 240.17a-4(a)",
		"says": "certain records of broker-dealers for at least six years, the first two easily accessible",
		"days": 2192,
		"from": "entry",
		"mode": "compliance",
		"erasable": false,
	},
	"sec_17a4_three_years": {
		"regime": "Securities Exchange Act",
		"clause": "17 CFR 240.17a-4(b)",
		"says": "certain records of broker-dealers for at least three years, the first two easily accessible",
		"days": 1096,
		"from": "entry",
		"mode": "compliance",
		"erasable": false,
	},
	"ai_act_provider": {
		"regime": "Regulation (EU) 2024/1689 (AI Act)",
		"clause": "Article 19(1)",
		"says": "providers keep the logs of a high-risk system, so far as they control them, at least six months",
		"days": 184,
		"from": "entry",
		"mode": "compliance",
		"erasable": false,
	},
	"ai_act_deployer": {
		"regime": "Regulation (EU) 2024/1689 (AI Act)",
		"clause": "Article 26(6)",
		"says": "deployers keep the logs of a high-risk system, so far as they control them, at least six months",
		"days": 184,
		"from": "entry",
		"mode": "compliance",
		"erasable": false,
	},
}

# METADATA
# title: The one class that serves several
# description: |
#   Of names of classes the longest days and the strictest mode; erasable only where all are. Where one class forbids erasure
#   and another is for personal data, `conflict` is true: such data belongs into a class of its own, or needs a ground. A name
#   that is not known leaves this undefined.
combined(names) := {
	"clauses": sort({classes[name].clause | some name in names}),
	"conflict": count({classes[name].erasable | some name in names}) > 1,
	"days": max(periods),
	"erasable": {classes[name].erasable | some name in names} == {true},
	"mode": _strictest({classes[name].mode | some name in names}),
} if {
	count(names) > 0
	every name in names {
		classes[name]
	}
	periods := {object.get(classes[name], "days", null) | some name in names}
}

# METADATA
# title: A class as genesis has it
# description: Days where the entry itself starts the clock, null where an event does or where you have to choose.
of_ledger(name) := {
	"days": _days_from_entry(classes[name]),
	"erasable": classes[name].erasable,
	"ground": null,
	"mode": classes[name].mode,
}

_days_from_entry(class) := class.days if class.from == "entry"

_days_from_entry(class) := null if class.from != "entry"

_strictest(modes) := "compliance" if {
	"compliance" in modes
} else := "none"
