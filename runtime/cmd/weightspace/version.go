package main

import (
	"encoding/json"
	"fmt"
	"runtime"
	"runtime/debug"

	"github.com/spf13/cobra"

	"github.com/weightspace/weightspace/runtime/kernel"
	"github.com/weightspace/weightspace/runtime/spec"
)

// releaseVersion is set by the release build: -ldflags "-X main.releaseVersion=v0.1.0".
var releaseVersion = ""

// version is the release, or the commit the binary was built from.
func version() string {
	if releaseVersion != "" {
		return releaseVersion
	}
	if info, ok := debug.ReadBuildInfo(); ok {
		for _, s := range info.Settings {
			if s.Key == "vcs.revision" {
				return "dev-" + s.Value[:min(12, len(s.Value))]
			}
		}
	}
	return "dev"
}

type versionInfo struct {
	Version     string `json:"version"`
	Numerics    string `json:"numerics"`
	PlanVersion int    `json:"planVersion"`
	ISA         string `json:"isa"`
	Go          string `json:"go"`
	Platform    string `json:"platform"`
}

func newVersion(a *app) *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:     "version",
		Short:   "Show the version, the numerics version and the instruction set",
		Example: "  weightspace version --json",
		Args:    noArgs,
		RunE: func(*cobra.Command, []string) error {
			v := versionInfo{version(), spec.NumericsVersion, spec.PlanVersion, kernel.Best().String(), runtime.Version(), runtime.GOOS + "/" + runtime.GOARCH}
			if asJSON {
				return json.NewEncoder(a.out).Encode(v)
			}
			_, err := fmt.Fprintf(a.out, "weightspace %s\nnumerics    %s (equal numerics give equal bits)\nplan        v%d\nisa         %s\nbuilt with  %s %s\n",
				v.Version, v.Numerics, v.PlanVersion, v.ISA, v.Go, v.Platform)
			return err
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "write JSON")
	return cmd
}
