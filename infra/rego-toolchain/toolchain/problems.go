package toolchain

import (
	"errors"
	"strings"

	"github.com/open-policy-agent/opa/v1/ast"
	"github.com/open-policy-agent/opa/v1/loader"
)

// Problem is a mistake with its place. Rows and columns count from one; none is zero.
type Problem struct {
	Code    string `json:"code"`
	Message string `json:"message"`
	File    string `json:"file,omitempty"`
	Row     int    `json:"row,omitempty"`
	Column  int    `json:"column,omitempty"`
	// Builtin names a function that this version has and the capabilities do not allow.
	Builtin string `json:"builtin,omitempty"`
}

const undefinedFunction = "undefined function "

func problemsOf(err error) (problems []Problem) {
	var several loader.Errors
	if errors.As(err, &several) {
		for _, one := range several {
			problems = append(problems, problemsOf(one)...)
		}
		return problems
	}
	for _, one := range errorsOf(err) {
		problem := Problem{Code: one.Code, Message: one.Message}
		if one.Location != nil {
			problem.File, problem.Row, problem.Column = one.Location.File, one.Location.Row, one.Location.Col
		}
		if name, found := strings.CutPrefix(one.Message, undefinedFunction); found && isBuiltin(name) {
			problem.Code, problem.Builtin = "builtin_refused", name
		}
		problems = append(problems, problem)
	}
	return problems
}

func errorsOf(err error) ast.Errors {
	var several ast.Errors
	if errors.As(err, &several) {
		return several
	}
	var one *ast.Error
	if errors.As(err, &one) {
		return ast.Errors{one}
	}
	return ast.Errors{{Code: "error", Message: err.Error()}}
}

func isBuiltin(name string) bool {
	_, known := ast.BuiltinMap[name]
	return known
}
