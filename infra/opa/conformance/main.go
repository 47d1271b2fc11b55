// Command conformance compiles OPA's own test cases to WebAssembly and says what OPA itself answers to each.
//
// Usage: conformance <folder of cases> <capabilities file>. Writes one JSON object a line, in the order of the notes.
package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"

	"github.com/open-policy-agent/opa/v1/ast"
	"github.com/open-policy-agent/opa/v1/rego"
	"github.com/open-policy-agent/opa/v1/storage"
	"github.com/open-policy-agent/opa/v1/storage/inmem"
	"github.com/open-policy-agent/opa/v1/test/cases"
	"github.com/open-policy-agent/opa/v1/topdown"
)

// Refusal is one finding of the compiler under our capabilities.
type Refusal struct {
	Code    string `json:"code"`
	Message string `json:"message"`
	File    string `json:"file"`
	Row     int    `json:"row"`
	Col     int    `json:"col"`
}

// Native is what OPA's evaluator answers, in the mode that modules have: errors of built-ins are undefined.
type Native struct {
	Result []map[string]any `json:"result"`
	// Error is the code of a topdown error.
	Error string `json:"error,omitempty"`
}

// Case is one line of the output.
type Case struct {
	Note    string    `json:"note"`
	File    string    `json:"file"`
	Data    any       `json:"data,omitempty"`
	Input   any       `json:"input,omitempty"`
	Sort    bool      `json:"sort,omitempty"`
	Want    any       `json:"want,omitempty"`
	Strict  bool      `json:"strict,omitempty"`
	Native  *Native   `json:"native,omitempty"`
	Refused []Refusal `json:"refused,omitempty"`
	// Outside says why the case cannot be asked of a module at all.
	Outside string `json:"outside,omitempty"`
	Wasm    []byte `json:"wasm,omitempty"`
}

func main() {
	if len(os.Args) != 3 {
		fail(errors.New("usage: conformance <folder of cases> <capabilities file>"))
	}
	text, err := os.ReadFile(os.Args[2])
	if err != nil {
		fail(err)
	}
	allowed, err := ast.LoadCapabilitiesJSON(strings.NewReader(string(text)))
	if err != nil {
		fail(err)
	}
	set, err := cases.Load(os.Args[1])
	if err != nil {
		fail(err)
	}
	out := bufio.NewWriterSize(os.Stdout, 1<<20)
	encoder := json.NewEncoder(out)
	encoder.SetEscapeHTML(false)
	for _, one := range set.Sorted().Cases {
		if err := encoder.Encode(prepare(one, allowed)); err != nil {
			fail(fmt.Errorf("%s: %w", one.Note, err))
		}
	}
	if err := out.Flush(); err != nil {
		fail(err)
	}
}

func fail(err error) {
	fmt.Fprintln(os.Stderr, err)
	os.Exit(1)
}

func prepare(tc cases.TestCase, allowed *ast.Capabilities) (made Case) {
	made = Case{Note: tc.Note, File: tc.Filename, Sort: tc.SortBindings, Strict: tc.StrictError}
	defer func() {
		if p := recover(); p != nil {
			made.Outside = fmt.Sprintf("panic: %v", p)
		}
	}()
	if tc.WantResult != nil {
		made.Want = *tc.WantResult
	}
	for name, value := range tc.Env {
		_ = os.Setenv(name, value)
		defer os.Unsetenv(name)
	}
	if tc.Data != nil {
		made.Data = *tc.Data
	}
	ctx := context.Background()
	everything := ast.CapabilitiesForThisVersion(ast.CapabilitiesExperimentalKeywords(tc.ExperimentalKeywords))
	input, err := inputOf(tc)
	if err != nil {
		made.Outside = err.Error()
	} else if input != nil {
		if made.Input, err = ast.JSON(input.Value); err != nil {
			made.Outside = "input is not JSON"
		}
		if hasSet(input) {
			made.Outside = "input holds a set, which JSON has not"
		}
	}
	if native, err := evaluate(ctx, tc, everything, input); err != nil {
		made.Outside = "OPA does not evaluate it: " + err.Error()
	} else {
		made.Native = native
	}
	made.Refused = numericKeys(tc)
	wasm, err := compile(ctx, tc, allowed)
	if err == nil && len(made.Refused) == 0 {
		made.Wasm = wasm
		return made
	}
	if err != nil {
		made.Refused = refusals(err)
	}
	if _, err := compile(ctx, tc, everything); err != nil {
		made.Outside = "OPA does not compile it: " + err.Error()
	}
	return made
}

// numericKeys finds references like data.roles[2] where the base document has an object: OPA looks for the member "2"
// there, and a module for nothing.
func numericKeys(tc cases.TestCase) (found []Refusal) {
	if tc.Data == nil {
		return nil
	}
	for i, text := range tc.Modules {
		name := fmt.Sprintf("test-%d.rego", i)
		module, err := ast.ParseModuleWithOpts(name, text, ast.ParserOptions{RegoVersion: ast.RegoV1})
		if err != nil {
			continue
		}
		ast.WalkRefs(module, func(ref ast.Ref) bool {
			if at := numericKey(ref, *tc.Data); at != nil {
				found = append(found, Refusal{
					Code: "numeric_key", Message: "members of an object have texts for names: write " + strconv.Quote(at.Value.String()),
					File: at.Location.File, Row: at.Location.Row, Col: at.Location.Col,
				})
			}
			return false
		})
	}
	return found
}

func numericKey(ref ast.Ref, base any) *ast.Term {
	if !ref[0].Equal(ast.DefaultRootDocument) {
		return nil
	}
	for _, term := range ref[1:] {
		object, ok := base.(map[string]any)
		if !ok {
			return nil
		}
		if _, ok := term.Value.(ast.Number); ok {
			return term
		}
		key, ok := term.Value.(ast.String)
		if !ok {
			return nil
		}
		base = object[string(key)]
	}
	return nil
}

func inputOf(tc cases.TestCase) (*ast.Term, error) {
	if tc.InputTerm != nil {
		return ast.ParseTerm(*tc.InputTerm)
	}
	if tc.Input == nil {
		return nil, nil
	}
	value, err := ast.InterfaceToValue(*tc.Input)
	if err != nil {
		return nil, err
	}
	return ast.NewTerm(value), nil
}

func hasSet(term *ast.Term) bool {
	found := false
	ast.WalkTerms(term, func(t *ast.Term) bool {
		if _, ok := t.Value.(ast.Set); ok {
			found = true
		}
		return found
	})
	return found
}

func compile(ctx context.Context, tc cases.TestCase, capabilities *ast.Capabilities) ([]byte, error) {
	options := []func(*rego.Rego){
		rego.Query(tc.Query),
		rego.SetRegoVersion(ast.RegoV1),
		rego.Capabilities(capabilities),
	}
	for i, module := range tc.Modules {
		options = append(options, rego.Module(fmt.Sprintf("test-%d.rego", i), module))
	}
	result, err := rego.New(options...).Compile(ctx)
	if err != nil {
		return nil, err
	}
	return result.Bytes, nil
}

func refusals(err error) []Refusal {
	var many ast.Errors
	if !errors.As(err, &many) {
		return []Refusal{{Message: err.Error()}}
	}
	found := make([]Refusal, 0, len(many))
	for _, one := range many {
		refusal := Refusal{Code: one.Code, Message: one.Message}
		if one.Location != nil {
			refusal.File, refusal.Row, refusal.Col = one.Location.File, one.Location.Row, one.Location.Col
		}
		found = append(found, refusal)
	}
	return found
}

func evaluate(
	ctx context.Context, tc cases.TestCase, capabilities *ast.Capabilities, input *ast.Term,
) (*Native, error) {
	modules := map[string]string{}
	for i, module := range tc.Modules {
		modules[fmt.Sprintf("test-%d.rego", i)] = module
	}
	options := ast.ParserOptions{RegoVersion: ast.RegoV1, Capabilities: capabilities}
	parsed := map[string]*ast.Module{}
	for name, text := range modules {
		module, err := ast.ParseModuleWithOpts(name, text, options)
		if err != nil {
			return nil, err
		}
		parsed[name] = module
	}
	compiler := ast.NewCompiler().WithCapabilities(capabilities)
	if compiler.Compile(parsed); compiler.Failed() {
		return nil, compiler.Errors
	}
	body, err := ast.ParseBodyWithOpts(tc.Query, options)
	if err != nil {
		return nil, err
	}
	query, err := compiler.QueryCompiler().Compile(body)
	if err != nil {
		return nil, err
	}
	store := inmem.New()
	if tc.Data != nil {
		store = inmem.NewFromObject(*tc.Data)
	}
	txn, err := store.NewTransaction(ctx, storage.TransactionParams{})
	if err != nil {
		return nil, err
	}
	defer store.Abort(ctx, txn)
	found, err := topdown.NewQuery(query).WithCompiler(compiler).WithStore(store).WithTransaction(txn).
		WithInput(input).WithStrictBuiltinErrors(false).Run(ctx)
	if err != nil {
		var failure *topdown.Error
		if errors.As(err, &failure) {
			return &Native{Error: failure.Code}, nil
		}
		return nil, err
	}
	rows := []map[string]any{}
	for _, bindings := range found {
		row := map[string]any{}
		for name, term := range bindings {
			if strings.HasPrefix(string(name), "__localq") {
				continue
			}
			if row[string(name)], err = ast.JSON(term.Value); err != nil {
				return nil, err
			}
		}
		rows = append(rows, row)
	}
	slices.SortFunc(rows, func(a, b map[string]any) int { return strings.Compare(text(a), text(b)) })
	return &Native{Result: rows}, nil
}

func text(value any) string {
	bytes, _ := json.Marshal(value)
	return string(bytes)
}
