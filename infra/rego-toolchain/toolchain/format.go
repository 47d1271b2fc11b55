package toolchain

import (
	"context"
	"path"
	"slices"

	"github.com/open-policy-agent/opa/v1/ast"
	"github.com/open-policy-agent/opa/v1/format"
)

func formatFiles(_ context.Context, c *call, answer *Answer) error {
	answer.Formatted = map[string]string{}
	var problems ast.Errors
	for name, text := range c.Files {
		if path.Ext(name) != ".rego" {
			continue
		}
		formatted, err := format.SourceWithOpts(name, []byte(text), format.Opts{
			RegoVersion:   ast.RegoV1,
			Capabilities:  c.capabilities,
			ParserOptions: &ast.ParserOptions{RegoVersion: ast.RegoV1, Capabilities: c.parserCapabilities()},
		})
		if err != nil {
			problems = append(problems, errorsOf(err)...)
		} else if string(formatted) != text {
			answer.Formatted[name] = string(formatted)
		}
	}
	if len(problems) > 0 {
		return problems
	}
	return nil
}

// parserCapabilities lets the formatter read more than it may write, as `opa fmt` does.
func (c *call) parserCapabilities() *ast.Capabilities {
	current := ast.CapabilitiesForThisVersion(ast.CapabilitiesRegoVersion(ast.RegoV1))
	both := *c.capabilities
	both.FutureKeywords = union(both.FutureKeywords, current.FutureKeywords)
	both.Features = union(both.Features, current.Features)
	return &both
}

func union(left, right []string) []string {
	all := slices.Concat(left, right)
	slices.Sort(all)
	return slices.Compact(all)
}
