package main

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"flag"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/weightspace/weightspace/runtime/plan"
	"github.com/weightspace/weightspace/runtime/spec"
)

var update = flag.Bool("update", false, "rewrite golden files")

// TestMain makes the test binary serve as the command, so that tests can start, stop and kill real
// processes without building another binary.
func TestMain(m *testing.M) {
	if os.Getenv("WEIGHTSPACE_TEST_MAIN") == "1" {
		main()
		return
	}
	os.Exit(m.Run())
}

// command is a child process that runs the command line.
func command(t *testing.T, dir string, args ...string) *exec.Cmd {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), self, args...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "WEIGHTSPACE_TEST_MAIN=1")
	return cmd
}

// weightspace runs the command line and returns what it wrote and its exit code.
func weightspace(t *testing.T, dir, stdin string, args ...string) (stdout, stderr string, code int) {
	t.Helper()
	cmd := command(t, dir, args...)
	var out, errs bytes.Buffer
	cmd.Stdin, cmd.Stdout, cmd.Stderr = strings.NewReader(stdin), &out, &errs
	err := cmd.Run()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	return out.String(), errs.String(), cmd.ProcessState.ExitCode()
}

func must(t *testing.T, dir string, args ...string) string {
	t.Helper()
	stdout, stderr, code := weightspace(t, dir, "", args...)
	if code != 0 {
		t.Fatalf("%v: exit code %d\n%s", args, code, stderr)
	}
	return stdout
}

// idxFiles writes a data set of n training and n/4 test images under the official names.
func idxFiles(t *testing.T, dir string, n int) {
	t.Helper()
	write := func(name string, dims []int, data []byte) {
		b := []byte{0, 0, 8, byte(len(dims))}
		for _, d := range dims {
			b = binary.BigEndian.AppendUint32(b, uint32(d))
		}
		if err := os.WriteFile(filepath.Join(dir, name), append(b, data...), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for _, f := range []struct {
		prefix string
		n      int
	}{{"train", n}, {"t10k", n / 4}} {
		images, labels := make([]byte, f.n*784), make([]byte, f.n)
		for i := range f.n {
			labels[i] = byte(i % 10)
			for p := range 784 {
				images[i*784+p] = byte((p*(i%10+1) + i) % 251)
			}
		}
		write(f.prefix+"-images-idx3-ubyte", []int{f.n, 28, 28}, images)
		write(f.prefix+"-labels-idx1-ubyte", []int{f.n}, labels)
	}
}

const zooYAML = `apiVersion: weightspace.dev/v1alpha1
kind: ModelZoo
metadata: {name: tiny-zoo}
spec:
  dataset: {name: tiny}
  architecture: {preset: cnn-small}
  population:
    seeds: {count: 2}
    grid: {activation: [tanh, relu]}
  training: {epochs: EPOCHS, batchSize: 16}
`

// workplace is a folder with a store, an imported data set and a zoo's manifest.
func workplace(t *testing.T, images int, epochs string) string {
	t.Helper()
	dir := t.TempDir()
	idxFiles(t, dir, images)
	splits := []string{strconv.Itoa(images * 4 / 5), strconv.Itoa(images / 5), strconv.Itoa(images / 4)}
	yaml := must(t, dir, "dataset", "import", "--store", "out", "--name", "tiny", "--from-dir", ".", "--splits", strings.Join(splits, "/"))
	for name, text := range map[string]string{"data.yaml": yaml, "zoo.yaml": strings.ReplaceAll(zooYAML, "EPOCHS", epochs)} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// zooDigest is the resultDigest in the manifest of a zoo in dir/out.
func zooDigest(t *testing.T, dir string) string {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(dir, "out/default/modelzoo/tiny-zoo/manifest.json"))
	if err != nil {
		t.Fatal(err)
	}
	var m struct{ ResultDigest string }
	if err := json.Unmarshal(b, &m); err != nil {
		t.Fatal(err)
	}
	return m.ResultDigest
}

func golden(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.MkdirAll("testdata", 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("%s differs (run with -update to accept):\n--- got\n%s\n--- want\n%s", name, got, want)
	}
	for i, line := range strings.Split(got, "\n") {
		if n := len([]rune(line)); n > 80 {
			t.Errorf("%s:%d has %d columns", name, i+1, n)
		}
	}
}

func TestRunPullReportExport(t *testing.T) {
	dir := workplace(t, 40, "2")
	out := must(t, dir, "run", "-f", "data.yaml", "-f", "zoo.yaml", "--store", "out", "--workers", "1")
	if !strings.Contains(out, "ModelZoo tiny-zoo: 4 models, 2 epochs") {
		t.Errorf("run wrote\n%s", out)
	}
	page, err := os.ReadFile(filepath.Join(dir, "out/default/modelzoo/tiny-zoo/report/report.html"))
	if err != nil || !bytes.Contains(page, []byte("tiny-zoo")) {
		t.Errorf("report: %v", err)
	}
	digest := zooDigest(t, dir)
	again := must(t, dir, "run", "-f", "data.yaml", "-f", "zoo.yaml", "--store", "out", "--json")
	if strings.Contains(again, `"epochsTrained":1`) || strings.Contains(again, `"epochsTrained":2`) || !strings.Contains(again, digest) {
		t.Errorf("a finished zoo trained again:\n%s", again)
	}
	must(t, dir, "pull", "out/default/modelzoo/tiny-zoo", "--to", "copy")
	if second := must(t, dir, "pull", "--store", "out", "--artifact", "default/modelzoo/tiny-zoo", "--to", "copy"); !strings.Contains(second, "0 of them fetched") {
		t.Errorf("second pull: %s", second)
	}
	must(t, dir, "report", "out/default/modelzoo/tiny-zoo", "--to", "figures")
	if out := must(t, dir, "report", "out/default/modelzoo/tiny-zoo", "out/default/modelzoo/tiny-zoo", "--to", "both"); !strings.Contains(out, filepath.Join("both", "zoos.html")) {
		t.Errorf("two zoos: %s", out)
	}
	must(t, dir, "export", "out/default/modelzoo/tiny-zoo", "--to", "models")
	models, err := filepath.Glob(filepath.Join(dir, "models/*/model.safetensors"))
	if err != nil || len(models) != 4 {
		t.Errorf("exported %v, %v", models, err)
	}
}

// TestKillAndTerminate: a real process that is killed, or told to stop, mid-training leaves a
// store from which another process ends with the digest of an undisturbed run.
func TestKillAndTerminate(t *testing.T) {
	straight := workplace(t, 800, "3")
	must(t, straight, "run", "-f", "data.yaml", "-f", "zoo.yaml", "--store", "out", "--workers", "1")
	want := zooDigest(t, straight)
	for _, tc := range []struct {
		name   string
		signal syscall.Signal
		code   int
	}{{"kill -9", syscall.SIGKILL, -1}, {"SIGTERM", syscall.SIGTERM, spec.ExitCheckpointed}} {
		t.Run(tc.name, func(t *testing.T) {
			dir := workplace(t, 800, "3")
			cmd := command(t, dir, "run", "-f", "data.yaml", "-f", "zoo.yaml", "--store", "out", "--workers", "1", "--json")
			lines := &watcher{until: `"epoch":1`, found: make(chan struct{})}
			cmd.Stdout = lines
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			select {
			case <-lines.found:
			case <-time.After(30 * time.Second):
				t.Fatal("epoch 1 never ended")
			}
			if err := cmd.Process.Signal(tc.signal); err != nil {
				t.Fatal(err)
			}
			_ = cmd.Wait() // the exit code says how it ended
			if got := cmd.ProcessState.ExitCode(); got != tc.code {
				t.Errorf("exit code %d, want %d", got, tc.code)
			}
			if _, err := os.Stat(filepath.Join(dir, "out/default/modelzoo/tiny-zoo/manifest.json")); err == nil {
				t.Fatal("the run was over before it was stopped")
			}
			must(t, dir, "run", "-f", "data.yaml", "-f", "zoo.yaml", "--store", "out", "--workers", "1")
			if got := zooDigest(t, dir); got != want {
				t.Errorf("resultDigest %s, want %s", got, want)
			}
		})
	}
}

// watcher closes found when a text was written.
type watcher struct {
	until string
	seen  bytes.Buffer
	done  bool
	found chan struct{}
}

func (w *watcher) Write(b []byte) (int, error) {
	w.seen.Write(b)
	if !w.done && strings.Contains(w.seen.String(), w.until) {
		w.done = true
		close(w.found)
	}
	return len(b), nil
}

// TestTask runs a frozen plan as a pod does: environment, exit codes, termination message.
func TestTask(t *testing.T) {
	dir := workplace(t, 40, "1")
	m, err := readManifests([]string{filepath.Join(dir, "data.yaml")}, nil, "default")
	if err != nil {
		t.Fatal(err)
	}
	write := func(storeURL string) {
		t.Helper()
		s, err := plan.Dataset(&m.datasets[0].value.Spec, plan.Inputs{Namespace: "default", Name: "tiny", StoreURL: storeURL})
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, "plan.json"), plan.Marshal(s), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	read := func() (term spec.Termination) {
		t.Helper()
		b, err := os.ReadFile(filepath.Join(dir, "termination"))
		if err != nil {
			t.Fatal(err)
		}
		if err := json.Unmarshal(b, &term); err != nil {
			t.Fatal(err)
		}
		return term
	}
	write("pvc://claim/out")
	task := func(stage string) int {
		cmd := command(t, dir, "task", "--plan", "plan.json", "--stage", stage, "--termination-log", "termination")
		cmd.Env = append(cmd.Env, envMount+"="+dir, envShard+"=0")
		_ = cmd.Run() // the exit code is what counts
		return cmd.ProcessState.ExitCode()
	}
	if code := task("fetch"); code != 0 || read().Reason != "Succeeded" {
		t.Fatalf("fetch: exit code %d, %+v", code, read())
	}
	if code := task("verify"); code != 0 || read().Result == nil || read().Result.Dataset.Train != 32 {
		t.Errorf("verify: exit code %d, %+v", code, read())
	}
	m.datasets[0].value.Spec.Files[0].SHA256 = strings.Repeat("0", 64)
	write("pvc://claim/out")
	if code := task("fetch"); code != spec.ExitInvalidInput || read().Field != "spec.files[trainImages].sha256" {
		t.Errorf("wrong sha256: exit code %d, %+v", code, read())
	}
	if code := task("train"); code != spec.ExitInvalidInput || read().Reason != "InvalidInput" {
		t.Errorf("unknown stage: exit code %d, %+v", code, read())
	}
}

func TestGoldenPlanAndHelp(t *testing.T) {
	dir := workplace(t, 40, "2")
	golden(t, "plan.txt", must(t, dir, "plan", "-f", "data.yaml", "-f", "zoo.yaml"))
	golden(t, "validate.txt", must(t, dir, "validate", "-f", "data.yaml", "-f", "zoo.yaml"))
	golden(t, "help.txt", must(t, dir, "--help"))
	golden(t, "help-run.txt", must(t, dir, "run", "--help"))
}

// TestMistakes: every mistake is one line with where, what and a remedy, and exit code 65.
func TestMistakes(t *testing.T) {
	base := strings.ReplaceAll(zooYAML, "EPOCHS", "2")
	for name, tc := range map[string]struct {
		yaml string
		want []string
	}{
		"unknown field":      {strings.Replace(base, "preset:", "presett:", 1), []string{"standard input:6: spec.architecture.presett", "unknown field"}},
		"unknown kind":       {strings.Replace(base, "ModelZoo", "Zoo", 1), []string{"standard input:2: kind"}},
		"another group":      {strings.Replace(base, "weightspace.dev/v1alpha1", "v1", 1), []string{"standard input:1: apiVersion"}},
		"no such activation": {strings.Replace(base, "relu", "swish", 1), []string{"standard input:9: spec.population.grid.activation[1]", "swish"}},
		"number for string":  {strings.Replace(base, "grid: {", "grid: {learningRate: [0.1], ", 1), []string{"standard input:9", "learningRate"}},
		"bad name":           {strings.Replace(base, "tiny-zoo", "Tiny_Zoo", 1), []string{"standard input:3: metadata.name"}},
		"too many models":    {strings.Replace(base, "count: 2", "count: 90000", 1), []string{"spec.population", "180000 models"}},
		"no YAML":            {"a: [", []string{"standard input:1", "valid YAML"}},
		"second document":    {base + "---\n" + strings.Replace(base, "count: 2", "count: 0", 1), []string{"standard input:14: metadata.name", "spec.population.seeds"}},
		"layer that misfits": {strings.Replace(base, "{preset: cnn-small}", "{layers: [{flatten: {}}, {batchNorm: {}}, {firstToken: {}}]}", 1), []string{"standard input:6: spec.architecture.layers[2]", "takes sequences"}},
		"two kinds of layer": {strings.Replace(base, "{preset: cnn-small}", "{layers: [{flatten: {}, dropout: {}}]}", 1), []string{"standard input:6: spec.architecture.layers[0]", "dropout and flatten are set"}},
		"empty layer":        {strings.Replace(base, "{preset: cnn-small}", "{layers: [{linear: {}}]}", 1), []string{"standard input:6: spec.architecture.layers[0].linear", "it is empty"}},
		"empty schedule":     {strings.Replace(base, "training: {", "training: {schedule: {step: {}}, ", 1), []string{"spec.training.schedule.step", "it is empty"}},
		"empty":              {"# nothing\n", []string{"no Weightspace object"}},
	} {
		t.Run(name, func(t *testing.T) {
			_, stderr, code := weightspace(t, t.TempDir(), tc.yaml, "validate", "-f", "-")
			if code != spec.ExitInvalidInput {
				t.Errorf("exit code %d", code)
			}
			for _, want := range tc.want {
				if !strings.Contains(stderr, want) {
					t.Errorf("%q is not in\n%s", want, stderr)
				}
			}
			for _, line := range strings.Split(strings.TrimSpace(stderr), "\n") {
				if !strings.HasPrefix(line, "weightspace: ") {
					t.Errorf("line %q does not start with the program's name", line)
				}
			}
		})
	}
	if _, stderr, code := weightspace(t, t.TempDir(), "", "run", "--nonsense"); code != exitUsage || !strings.Contains(stderr, "--help") {
		t.Errorf("wrong flag: exit code %d, %s", code, stderr)
	}
}
