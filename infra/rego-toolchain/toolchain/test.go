package toolchain

import (
	"bytes"
	"context"
	"time"

	"github.com/open-policy-agent/opa/v1/ast"
	"github.com/open-policy-agent/opa/v1/cover"
	"github.com/open-policy-agent/opa/v1/loader"
	"github.com/open-policy-agent/opa/v1/storage"
	"github.com/open-policy-agent/opa/v1/storage/inmem"
	"github.com/open-policy-agent/opa/v1/tester"
	"github.com/open-policy-agent/opa/v1/topdown"
	"github.com/open-policy-agent/opa/v1/topdown/lineage"
)

// TestOptions are flags of `opa test`.
type TestOptions struct {
	// Run is a regular expression of test names.
	Run     string `json:"run"`
	Verbose bool   `json:"verbose"`
	// Format is pretty or json; with coverage the report is always JSON.
	Format    string  `json:"format"`
	Coverage  bool    `json:"coverage"`
	Threshold float64 `json:"threshold"`
}

// TestReport is what ran, and OPA's own words for it.
type TestReport struct {
	Passed  int `json:"passed"`
	Failed  int `json:"failed"`
	Errors  int `json:"errors"`
	Skipped int `json:"skipped"`
	// Failures names the tests that did not pass.
	Failures []Failure `json:"failures"`
	// Report is what `opa test` prints.
	Report string `json:"report"`
	// Coverage in percent, where it was asked for and every test passed.
	Coverage *float64 `json:"coverage,omitempty"`
	// Refused says why the reporter was not content, as with coverage below the threshold.
	Refused string `json:"refused,omitempty"`
}

// Failure is a test that failed or could not run.
type Failure struct {
	Name    string `json:"name"`
	File    string `json:"file,omitempty"`
	Row     int    `json:"row,omitempty"`
	Message string `json:"message,omitempty"`
}

// testTimeout is only OPA's own limit: on one thread it never fires, and the host ends the worker instead.
const testTimeout = 10 * time.Minute

func test(ctx context.Context, c *call, answer *Answer) error {
	loaded, err := c.load(c.filter)
	if err != nil {
		return err
	}
	store := inmem.NewFromObject(loaded.Documents)
	txn, err := store.NewTransaction(ctx, storage.WriteParams)
	if err != nil {
		return err
	}
	defer store.Abort(ctx, txn)
	coverage := cover.New()
	results, err := c.runTests(ctx, store, txn, loaded, coverage)
	if err != nil {
		return err
	}
	answer.Test = &TestReport{Failures: []Failure{}}
	return c.report(results, loaded, coverage, answer.Test)
}

func (c *call) runTests(ctx context.Context, store storage.Store, txn storage.Transaction, loaded *loader.Result,
	coverage *cover.Cover) ([]*tester.Result, error) {
	compiler := c.compiler().SetErrorLimit(problemsMax).WithPathConflictsCheck(storage.NonEmpty(ctx, store, txn))
	runner := tester.NewRunner().
		SetCompiler(compiler).
		SetStore(store).
		SetModules(loaded.ParsedModules()).
		CapturePrintOutput(true).
		EnableTracing(c.Test.Verbose).
		StackTraces(true).
		SetParallel(1).
		SetTimeout(testTimeout).
		Filter(c.Test.Run)
	if c.Test.Coverage {
		runner = runner.
			SetCoverageRuns([]cover.Kind{cover.KindIndexExcluded, cover.KindEarlyExit}).
			SetCoverageQueryTracer(coverage)
	}
	running, err := runner.RunTests(ctx, txn)
	if err != nil {
		return nil, err
	}
	var results []*tester.Result
	for result := range running {
		result.Trace = notesAndFailures(result.Trace, c.Test.Verbose)
		results = append(results, result)
	}
	return results, nil
}

// report counts, and lets OPA's reporter write what it would have printed.
func (c *call) report(results []*tester.Result, loaded *loader.Result, coverage *cover.Cover, report *TestReport) error {
	for _, result := range results {
		report.add(result)
	}
	var text bytes.Buffer
	modules := loaded.ParsedModules()
	err := c.reporter(&text, coverage, modules).Report(replay(results))
	report.Report = text.String()
	if err != nil {
		report.Refused = err.Error()
	}
	if c.Test.Coverage && report.Failed+report.Errors == 0 {
		percent := coverage.Report(modules).Coverage
		report.Coverage = &percent
	}
	return nil
}

func (c *call) reporter(out *bytes.Buffer, coverage *cover.Cover, modules map[string]*ast.Module) tester.Reporter {
	switch {
	case c.Test.Coverage:
		return tester.JSONCoverageReporter{
			Cover: coverage, Modules: modules, Output: out, Threshold: c.Test.Threshold, Verbose: c.Test.Verbose,
		}
	case c.Test.Format == "json":
		return tester.JSONReporter{Output: out}
	default:
		return tester.PrettyReporter{Verbose: c.Test.Verbose, Output: out}
	}
}

func (r *TestReport) add(result *tester.Result) {
	passed, failed := leaves(result)
	failure := Failure{Name: result.Package + "." + result.Name}
	if result.Location != nil {
		failure.File, failure.Row = result.Location.File, result.Location.Row
	}
	switch {
	case result.Skip:
		r.Skipped++
	case result.Error != nil:
		r.Errors++
		failure.Message = result.Error.Error()
		r.Failures = append(r.Failures, failure)
	case result.Fail:
		r.Passed, r.Failed = r.Passed+passed, r.Failed+failed
		r.Failures = append(r.Failures, failure)
	default:
		r.Passed, r.Failed = r.Passed+passed, r.Failed+failed
	}
}

// leaves counts the cases of a test, as OPA's reporter does: one where it has no cases.
func leaves(result *tester.Result) (passed, failed int) {
	for _, sub := range result.SubResults.Iter {
		switch {
		case len(sub.SubResults) > 0:
		case sub.Fail:
			failed++
		default:
			passed++
		}
	}
	switch {
	case len(result.SubResults) > 0:
		return passed, failed
	case result.Fail:
		return 0, 1
	default:
		return 1, 0
	}
}

func notesAndFailures(trace []*topdown.Event, verbose bool) []*topdown.Event {
	if !verbose {
		return nil
	}
	return lineage.Filter(trace, func(event *topdown.Event) bool {
		return event.Op == topdown.NoteOp || event.Op == topdown.FailOp
	})
}

func replay(results []*tester.Result) chan *tester.Result {
	channel := make(chan *tester.Result, len(results))
	for _, result := range results {
		channel <- result
	}
	close(channel)
	return channel
}
