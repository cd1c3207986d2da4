//go:build tools

// Pins the Jaeger that scripts/make-jaeger builds.
package tools

import _ "github.com/jaegertracing/jaeger/cmd/jaeger"
