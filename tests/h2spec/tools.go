//go:build tools

// Pins the conformance tests of HTTP/2 that scripts/make-h2spec builds.
package tools

import _ "github.com/summerwind/h2spec/cmd/h2spec"
