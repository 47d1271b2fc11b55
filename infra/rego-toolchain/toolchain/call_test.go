package toolchain

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"
)

const capabilitiesWithoutClock = `{"builtins": [{"name": "count", "decl": {"type": "function",
	"args": [{"type": "any"}], "result": {"type": "number"}}}], "features": ["rego_v1"]}`

func ask(t *testing.T, request Request) Answer {
	t.Helper()
	text, err := json.Marshal(request)
	if err != nil {
		t.Fatal(err)
	}
	var answer Answer
	if err := json.Unmarshal(Call(text), &answer); err != nil {
		t.Fatal(err)
	}
	return answer
}

func module(text string) map[string]string { return map[string]string{"a/policy.rego": text} }

func TestAProblemHasItsPlace(t *testing.T) {
	for about, row := range map[string]struct {
		request Request
		want    Problem
	}{
		"a module that does not parse": {
			Request{Op: "check", Files: module("package a\n\np q\n")},
			Problem{Code: "rego_parse_error", File: "a/policy.rego", Row: 3, Column: 1},
		},
		"a function that nobody knows": {
			Request{Op: "check", Files: module("package a\n\np := nothing(1)\n")},
			Problem{Code: "rego_type_error", File: "a/policy.rego", Row: 3, Column: 6},
		},
		"a built-in that is not allowed": {
			Request{
				Op: "check", Files: module("package a\n\np := time.now_ns()\n"),
				Capabilities: json.RawMessage(capabilitiesWithoutClock),
			},
			Problem{
				Code: "builtin_refused", File: "a/policy.rego", Row: 3, Column: 6, Builtin: "time.now_ns",
			},
		},
		"an unused import, strictly": {
			Request{
				Op: "check", Files: module("package a\n\nimport data.b\n\np := 1\n"),
				Check: CheckOptions{Strict: true},
			},
			Problem{Code: "rego_compile_error", File: "a/policy.rego", Row: 3, Column: 1},
		},
		"a member that the schema of the input has not": {
			Request{
				Op: "check", Files: module("package a\n\np := input.subjekt\n"),
				Check: CheckOptions{Schemas: map[string]json.RawMessage{
					"input": json.RawMessage(`{"type": "object", "properties": {"subject": {"type": "object"}}}`),
				}},
			},
			Problem{Code: "rego_type_error", File: "a/policy.rego", Row: 3, Column: 6},
		},
	} {
		answer := ask(t, row.request)
		if answer.OK || len(answer.Problems) == 0 {
			t.Errorf("%s: %+v", about, answer)
			continue
		}
		got := answer.Problems[0]
		got.Message = ""
		if got != row.want {
			t.Errorf("%s: got %+v, want %+v", about, got, row.want)
		}
	}
}

func TestWhatIsNotARequestIsAnAnswer(t *testing.T) {
	for _, text := range []string{"", "[]", `{"op": "none"}`, `{"op": "build", "capabilities": 7}`} {
		var answer Answer
		if err := json.Unmarshal(Call([]byte(text)), &answer); err != nil {
			t.Fatal(err)
		}
		if answer.OK || len(answer.Problems) != 1 {
			t.Errorf("%q: %+v", text, answer)
		}
	}
}

func TestOnlyWhatIsNotFormattedComesBack(t *testing.T) {
	answer := ask(t, Request{Op: "format", Files: map[string]string{
		"good.rego": "package a\n\np := 1\n",
		"bad.rego":  "package a\np:=1\n",
		"data.json": "{ }",
	}})
	if !answer.OK || len(answer.Formatted) != 1 || answer.Formatted["bad.rego"] != "package a\n\np := 1\n" {
		t.Errorf("%+v", answer)
	}
}

func TestTestsAreCountedAsOPACountsThem(t *testing.T) {
	answer := ask(t, Request{Op: "test", Files: map[string]string{
		"a.rego": "package a\n\np if input.x\n",
		"a_test.rego": `package a_test

import data.a

test_good if a.p with input as {"x": true}

test_bad if a.p

todo_test_later if false

test_cases[name] if {
	some name, case in {"one": {"x": true}, "two": {}}
	a.p with input as case
}
`,
	}})
	if !answer.OK || answer.Test == nil {
		t.Fatalf("%+v", answer)
	}
	got := *answer.Test
	if got.Passed != 2 || got.Failed != 2 || got.Skipped != 1 || got.Errors != 0 || len(got.Failures) != 2 {
		t.Errorf("%+v", got)
	}
	for _, line := range []string{"PASS: 2/5", "FAIL: 2/5", "SKIPPED: 1/5"} {
		if !strings.Contains(got.Report, line) {
			t.Errorf("the report lacks %q:\n%s", line, got.Report)
		}
	}
}

func TestCoverageBelowTheThresholdIsRefused(t *testing.T) {
	answer := ask(t, Request{
		Op: "test",
		Files: map[string]string{
			"a.rego": "package a\n\np if input.x\n\nq := 1 if input.y\n",
			"b.rego": "package b\n\nimport data.a\n\ntest_good if a.p with input as {\"x\": true}\n",
		},
		Test: TestOptions{Coverage: true, Threshold: 99},
	})
	if answer.Test == nil || answer.Test.Coverage == nil || *answer.Test.Coverage >= 99 {
		t.Fatalf("%+v", answer.Test)
	}
	if !strings.Contains(answer.Test.Refused, "threshold not met") {
		t.Errorf("%+v", answer.Test)
	}
}

func TestAnEvaluationTellsWhichRulesFired(t *testing.T) {
	answer := ask(t, Request{
		Op: "evaluate",
		Files: module(`package a

# METADATA
# title: Good
p := 1 if {
	input.x == 1
	print("x is", input.x)
}

p := 2 if input.x == 2

default q := "none"
`),
		Evaluate: EvaluateOptions{Query: "[data.a.p, data.a.q]", Input: json.RawMessage(`{"x": 1}`), Trace: true},
	})
	if answer.Evaluated == nil || len(answer.Evaluated.Results) != 1 {
		t.Fatalf("%+v", answer)
	}
	want := []Fired{
		{Rule: "data.a.p", File: "a/policy.rego", Row: 5, Title: "Good", Text: "p := 1 if {"},
		{Rule: "data.a.q", File: "a/policy.rego", Row: 12, Text: `default q := "none"`},
	}
	if !slices.Equal(answer.Evaluated.Fired, want) {
		t.Errorf("%+v", answer.Evaluated.Fired)
	}
	if answer.Evaluated.Printed != "x is 1\n" {
		t.Errorf("printed %q", answer.Evaluated.Printed)
	}
}

func TestABuildIsRepeatable(t *testing.T) {
	request := Request{
		Op:     "build",
		Ignore: []string{"*_test.rego", "cases"},
		Files: map[string]string{
			"a/policy.rego":      "package a\n\n# METADATA\n# entrypoint: true\np := input.x\n",
			"a/policy_test.rego": "no Rego",
			"cases/data.json":    "no JSON",
			".manifest":          `{"roots": ["a"]}`,
		},
		Build: BuildOptions{Target: "wasm", AsBundle: true, PruneUnused: true},
	}
	first, second := ask(t, request), ask(t, request)
	if !first.OK || len(first.Bundle) == 0 || string(first.Bundle) != string(second.Bundle) {
		t.Errorf("%+v", first.Problems)
	}
}
