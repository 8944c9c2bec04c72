package kernel

// The generator is a module of its own, so that users of this one never see avo.
//go:generate sh -c "cd _gen && go run ./tile -out ../kernels_amd64.s -stubs ../kernels_amd64.go -pkg kernel"
//go:generate sh -c "cd _gen && go run ./normal -out ../normal_table.go"
