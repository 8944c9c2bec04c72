// Command bench measures our engine beside its peers, side by side on one machine.
//
//	go run ./hack/bench -only zoo-small -runs 5
//
// Every contender is a process of its own that lives for the whole workload: all are warmed up
// first, then their measured runs are interleaved, round after round, while the others sleep in a
// read. Tables go to stdout and, with -out, to a file. -only equal-work checks that PyTorch gets the
// same losses from our weights and our order of the data.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"maps"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"time"
)

// options are the flags.
type options struct {
	only, out, lock, cifar string
	runs                   int
	seconds                float64
	warm                   time.Duration
	list, tuned            bool
}

func main() {
	var o options
	flag.StringVar(&o.only, "only", "", "comma-separated beginnings of workload names (empty: all)")
	flag.IntVar(&o.runs, "runs", 5, "measured runs of each contender")
	flag.Float64Var(&o.seconds, "seconds", 2, "length of a run")
	flag.DurationVar(&o.warm, "warm", 8*time.Minute, "time for a contender to compile and to choose its setting")
	flag.StringVar(&o.out, "out", "", "file for the tables, in Markdown")
	flag.StringVar(&o.lock, "lock", "", "file to flock during each measured run, on a machine that is shared")
	flag.StringVar(&o.cifar, "cifar", os.Getenv("WEIGHTSPACE_CIFAR10"), "folder of data_batch_1.bin (empty: random images)")
	flag.BoolVar(&o.tuned, "tuned", false, "take the settings that contenders chose in earlier runs, instead of searching again")
	flag.BoolVar(&o.list, "list", false, "list the workloads and their contenders")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	err := run(ctx, o)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, o options) error {
	p, err := findPlaces()
	if err != nil {
		return err
	}
	all := append(workloads(p, o.seconds), equalWork(p))
	var chosen []workload
	for _, w := range all {
		if matches(w.name, o.only) {
			chosen = append(chosen, w)
		}
	}
	if o.list {
		for _, w := range chosen {
			fmt.Printf("%s: %s\n", w.name, w.title)
			for _, c := range w.contenders {
				fmt.Printf("  %s: %s\n", c.name, strings.Join(c.command, " "))
			}
		}
		return nil
	}
	if len(chosen) == 0 {
		return fmt.Errorf("no workload's name begins with %q: -list lists them", o.only)
	}
	if err := prepare(ctx, p, o.cifar); err != nil {
		return err
	}
	var out io.Writer = os.Stdout
	if o.out != "" {
		if err := os.MkdirAll(filepath.Dir(o.out), 0o755); err != nil {
			return err
		}
		f, err := os.Create(o.out)
		if err != nil {
			return err
		}
		defer f.Close()
		out = io.MultiWriter(os.Stdout, f)
	}
	fmt.Fprintf(out, "%s\n\n", machine(ctx))
	known := settings{}
	if o.tuned {
		if err := known.load(p.settings()); err != nil {
			return err
		}
	}
	var failed []error
	for _, w := range chosen {
		if w.check != nil {
			failed = append(failed, w.check(ctx, out))
			continue
		}
		m, err := measure(ctx, w, o, known, os.Stderr)
		if err != nil {
			return fmt.Errorf("%s: %w", w.name, err)
		}
		if err := writeTable(out, w, m); err != nil {
			return err
		}
		if err := remember(p, known); err != nil {
			return err
		}
	}
	return errors.Join(failed...)
}

// remember adds settings to the saved ones.
func remember(p places, known settings) error {
	all := settings{}
	if err := all.load(p.settings()); err != nil {
		return err
	}
	maps.Copy(all, known)
	return all.save(p.settings())
}

// matches reports whether a name begins with one of the comma-separated prefixes.
func matches(name, only string) bool {
	for prefix := range strings.SplitSeq(only, ",") {
		if strings.HasPrefix(name, prefix) {
			return true
		}
	}
	return false
}

// places are the folders a run needs.
type places struct {
	// root is the repository, cache holds what was built and downloaded.
	root, cache string
}

func (p places) peers() string           { return filepath.Join(p.root, "hack", "bench", "peers") }
func (p places) python() string          { return filepath.Join(p.cache, "peers", "venv", "bin", "python") }
func (p places) ours() string            { return filepath.Join(p.cache, "bench", "ours") }
func (p places) settings() string        { return filepath.Join(p.cache, "bench", "settings.json") }
func (p places) data(name string) string { return filepath.Join(p.cache, "bench", name+".safetensors") }

// findPlaces finds the repository above the working directory.
func findPlaces() (places, error) {
	dir, err := os.Getwd()
	if err != nil {
		return places{}, err
	}
	for {
		if _, err := os.Stat(filepath.Join(dir, "hack", "bench", "peers")); err == nil {
			break
		}
		if dir == filepath.Dir(dir) {
			return places{}, errors.New("run this inside the repository")
		}
		dir = filepath.Dir(dir)
	}
	cache, err := os.UserCacheDir()
	if err != nil {
		return places{}, err
	}
	return places{root: dir, cache: filepath.Join(cache, "weightspace")}, nil
}
