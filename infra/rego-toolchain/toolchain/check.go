package toolchain

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/open-policy-agent/opa/v1/ast"
	"github.com/open-policy-agent/opa/v1/util"
)

// CheckOptions are flags of `opa check`.
type CheckOptions struct {
	Strict bool `json:"strict"`
	// Schemas are JSON Schemas by name, for annotations as `schema.append`; the one that is called "input" holds for
	// every rule without an annotation.
	Schemas map[string]json.RawMessage `json:"schemas"`
}

// problemsMax bounds a report; the first mistakes are those that matter.
const problemsMax = 50

func check(_ context.Context, c *call, _ *Answer) error {
	schemas, err := schemaSet(c.Check.Schemas)
	if err != nil {
		return err
	}
	loaded, err := c.load(c.rego)
	if err != nil {
		return err
	}
	compiler := c.compiler().SetErrorLimit(problemsMax).WithStrict(c.Check.Strict).WithSchemas(schemas)
	if compiler.Compile(loaded.ParsedModules()); compiler.Failed() {
		return compiler.Errors
	}
	return nil
}

func schemaSet(texts map[string]json.RawMessage) (*ast.SchemaSet, error) {
	if len(texts) == 0 {
		return nil, nil
	}
	set := ast.NewSchemaSet()
	for name, text := range texts {
		var schema any
		if err := util.Unmarshal(text, &schema); err != nil {
			return nil, fmt.Errorf("schema %s: %w", name, err)
		}
		if name == "input" {
			set.Put(ast.SchemaRootRef, schema)
		}
		set.Put(ast.Ref{ast.SchemaRootDocument, ast.StringTerm(name)}, schema)
	}
	return set, nil
}
