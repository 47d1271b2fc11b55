package toolchain

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/open-policy-agent/opa/v1/ast"
	"github.com/open-policy-agent/opa/v1/rego"
	"github.com/open-policy-agent/opa/v1/storage/inmem"
	"github.com/open-policy-agent/opa/v1/topdown"
	"github.com/open-policy-agent/opa/v1/topdown/lineage"
)

// EvaluateOptions are what `opa eval` is asked.
type EvaluateOptions struct {
	Query string          `json:"query"`
	Input json.RawMessage `json:"input,omitempty"`
	// Trace adds which rules gave a value, and the trace of failures.
	Trace bool `json:"trace"`
}

// Evaluated is the result set, and with a trace how it came about.
type Evaluated struct {
	Results rego.ResultSet `json:"results"`
	Fired   []Fired        `json:"fired,omitempty"`
	// Failed is OPA's own text of the expressions that were not true.
	Failed string `json:"failed,omitempty"`
	// Printed is what print calls said.
	Printed string `json:"printed,omitempty"`
}

// Fired is a rule that gave a value, with the place of the definition that gave it.
type Fired struct {
	Rule  string `json:"rule"`
	File  string `json:"file"`
	Row   int    `json:"row"`
	Title string `json:"title,omitempty"`
	Text  string `json:"text"`
}

func evaluate(ctx context.Context, c *call, answer *Answer) error {
	loaded, err := c.load(c.filter)
	if err != nil {
		return err
	}
	options := []func(*rego.Rego){
		rego.Query(c.Evaluate.Query),
		rego.Store(inmem.NewFromObject(loaded.Documents)),
		rego.Capabilities(c.capabilities),
		rego.SetRegoVersion(ast.RegoV1),
	}
	for _, module := range loaded.ParsedModules() {
		options = append(options, rego.ParsedModule(module))
	}
	if len(c.Evaluate.Input) > 0 {
		input, err := ast.ValueFromReader(bytes.NewReader(c.Evaluate.Input))
		if err != nil {
			return fmt.Errorf("input: %w", err)
		}
		options = append(options, rego.ParsedInput(input))
	}
	var printed bytes.Buffer
	options = append(options, rego.EnablePrintStatements(true), rego.PrintHook(topdown.NewPrintHook(&printed)))
	tracer := topdown.NewBufferTracer()
	if c.Evaluate.Trace {
		options = append(options, rego.QueryTracer(tracer))
	}
	results, err := rego.New(options...).Eval(ctx)
	if err != nil {
		return err
	}
	answer.Evaluated = &Evaluated{Results: results, Printed: printed.String()}
	if c.Evaluate.Trace {
		answer.Evaluated.Fired = firedIn(*tracer)
		var text bytes.Buffer
		topdown.PrettyTraceWithLocation(&text, lineage.Fails(*tracer))
		answer.Evaluated.Failed = text.String()
	}
	return nil
}

// firedIn lists the definitions that were left with a value, each once, in the order of their first time.
func firedIn(trace []*topdown.Event) []Fired {
	seen := map[string]bool{}
	fired := []Fired{}
	for _, event := range trace {
		rule, isRule := event.Node.(*ast.Rule)
		if event.Op != topdown.ExitOp || !isRule || rule.Location == nil {
			continue
		}
		place := fmt.Sprintf("%s:%d", rule.Location.File, rule.Location.Row)
		if seen[place] {
			continue
		}
		seen[place] = true
		fired = append(fired, Fired{
			Rule:  ruleName(rule),
			File:  rule.Location.File,
			Row:   rule.Location.Row,
			Title: titleOf(rule),
			Text:  textOf(rule),
		})
	}
	return fired
}

func ruleName(rule *ast.Rule) string {
	if rule.Module == nil {
		return rule.Head.Ref().String()
	}
	return rule.Module.Package.Path.Extend(rule.Head.Ref().GroundPrefix()).String()
}

func titleOf(rule *ast.Rule) string {
	for _, annotation := range rule.Annotations {
		if annotation.Title != "" {
			return annotation.Title
		}
	}
	return ""
}

// textOf is the first line of a definition. The parser keeps only the keyword of a default.
func textOf(rule *ast.Rule) string {
	if rule.Default {
		return "default " + rule.Head.String()
	}
	line, _, _ := strings.Cut(string(rule.Location.Text), "\n")
	return strings.TrimSpace(line)
}
