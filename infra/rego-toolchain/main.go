//go:build wasip1

// Command rego-toolchain is OPA's compiler, checker, formatter and test runner as one WebAssembly module. It has no
// commands: the host reserves room for a JSON request, writes it there, calls, and reads the JSON answer.
package main

import (
	"unsafe"

	"stele.example/rego-toolchain/toolchain"
)

// Kept here so that the collector leaves them alone while the host reads and writes.
var request, answer []byte

//go:wasmexport stele_request
func reserve(bytes uint32) unsafe.Pointer {
	request = make([]byte, bytes+1)
	return unsafe.Pointer(&request[0])
}

//go:wasmexport stele_call
func call(bytes uint32) uint32 {
	answer = toolchain.Call(request[:bytes])
	request = nil
	return uint32(len(answer))
}

//go:wasmexport stele_answer
func result() unsafe.Pointer { return unsafe.Pointer(&answer[0]) }

func main() {}
