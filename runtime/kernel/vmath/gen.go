package vmath

// The generator is a module of its own, so that users of this one never see avo.
//go:generate sh -c "cd ../_gen && go run ./vmath -dir ../vmath"
//go:generate sh -c "cd ../_gen && go run ./vmath -bits 32 -out ../vmath/float32_amd64.s -stubs ../vmath/float32_amd64.go -pkg vmath"
//go:generate sh -c "cd ../_gen && go run ./vmath -bits 64 -out ../vmath/float64_amd64.s -stubs ../vmath/float64_amd64.go -pkg vmath"
