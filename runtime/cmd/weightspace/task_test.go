package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/weightspace/weightspace/runtime/artifact"
	"github.com/weightspace/weightspace/runtime/data"
	"github.com/weightspace/weightspace/runtime/plan"
	"github.com/weightspace/weightspace/runtime/spec"
)

// podStore is the store of pods in tests: folder out of the workplace, mounted as a claim.
const podStore = "pvc://claim/out"

// zooPlan freezes the plan of the workplace's zoo as the manager does, into dir/plan.json. The data
// set is in dir/out.
func zooPlan(t *testing.T, dir string) *spec.Snapshot {
	t.Helper()
	store, err := artifact.Open(t.Context(), filepath.Join(dir, "out"), "")
	if err != nil {
		t.Fatal(err)
	}
	defer store.Close()
	set, _, digest, err := data.LoadPath(t.Context(), store, "default/dataset/tiny")
	if err != nil {
		t.Fatal(err)
	}
	m, err := readManifests([]string{filepath.Join(dir, "zoo.yaml")}, nil, "default")
	if err != nil {
		t.Fatal(err)
	}
	facts := set.Facts()
	in := datasetInput("tiny", &spec.Snapshot{Store: podStore, ArtifactPath: "default/dataset/tiny"},
		&spec.Result{ManifestDigest: digest, ResultDigest: set.ResultDigest, Dataset: &facts})
	s, err := plan.ModelZoo(&m.zoos[0].value.Spec, plan.Inputs{Namespace: "default", Name: "tiny-zoo", StoreURL: podStore, Dataset: in})
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "plan.json"), plan.Marshal(s), 0o600); err != nil {
		t.Fatal(err)
	}
	return s
}

// pod runs `weightspace task` as a pod's container does. With until it is sent the signal as
// soon as it has written that text.
func pod(t *testing.T, dir, stage string, shard int, until string, signal syscall.Signal, environment ...string) (code int, term spec.Termination) {
	t.Helper()
	log := filepath.Join(dir, "termination")
	if err := os.WriteFile(log, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := command(t, dir, "task", "--plan", "plan.json", "--stage", stage, "--termination-log", log, "--workers", "1")
	cmd.Env = append(cmd.Env, envMount+"="+dir, envShard+"="+strconv.Itoa(shard))
	cmd.Env = append(cmd.Env, environment...)
	lines := &watcher{until: until, found: make(chan struct{}), done: until == ""}
	cmd.Stdout, cmd.Stderr = lines, lines
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	if until != "" {
		select {
		case <-lines.found:
		case <-time.After(time.Minute):
			t.Errorf("%q was never written", until)
		}
		if err := cmd.Process.Signal(signal); err != nil {
			t.Errorf("it was over before the signal: %v", err)
		}
	}
	_ = cmd.Wait() // the exit code says how it ended
	code = cmd.ProcessState.ExitCode()
	b, err := os.ReadFile(log)
	if err != nil {
		t.Fatal(err)
	}
	if len(b) > 0 {
		if err := json.Unmarshal(b, &term); err != nil {
			t.Errorf("termination message %q: %v", b, err)
		}
	}
	if t.Failed() {
		t.Logf("%s, shard %d: exit code %d\n%s", stage, shard, code, lines.seen.String())
	}
	return code, term
}

// TestKillAndTerminateTask: the process of a pod that is killed, or told to stop, in the middle of
// its shard is followed by another one that resumes from the store; the zoo ends with the
// digest of an undisturbed run.
func TestKillAndTerminateTask(t *testing.T) {
	straight := workplace(t, 800, "3")
	must(t, straight, "run", "-f", "data.yaml", "-f", "zoo.yaml", "--store", "out", "--workers", "1")
	want := zooDigest(t, straight)
	dir := workplace(t, 800, "3")
	must(t, dir, "run", "-f", "data.yaml", "--store", "out")
	s := zooPlan(t, dir)
	shards := len(s.Stages[0].Shards)
	if shards < 2 {
		t.Fatalf("the plan has %d shards, too few for this test", shards)
	}
	code, term := pod(t, dir, spec.StageTrain, 0, "epoch 1/3", syscall.SIGKILL)
	if code != -1 || term.Reason != "" {
		t.Errorf("kill -9: exit code %d, %+v", code, term)
	}
	code, term = pod(t, dir, spec.StageTrain, 1, "epoch 1/3", syscall.SIGTERM)
	if code != spec.ExitCheckpointed || term.Reason != "Checkpointed" {
		t.Errorf("SIGTERM: exit code %d, %+v", code, term)
	}
	if code, term = pod(t, dir, spec.StageIndex, 0, "", 0); code != spec.ExitIncomplete || term.Reason != "Incomplete" {
		t.Errorf("index before the shards are done: exit code %d, %+v", code, term)
	}
	for shard := range shards {
		left := checkpoints(t, dir)
		if shard < 2 && left == 0 {
			t.Errorf("no checkpoint is left to resume from")
		}
		if code, term = pod(t, dir, spec.StageTrain, shard, "", 0); code != 0 || term.Reason != "Succeeded" {
			t.Fatalf("shard %d: exit code %d, %+v", shard, code, term)
		}
	}
	code, term = pod(t, dir, spec.StageIndex, 0, "", 0)
	if code != 0 || term.Result == nil || term.Result.ResultDigest != want || zooDigest(t, dir) != want {
		t.Errorf("index: exit code %d, %+v, want the resultDigest %s", code, term, want)
	}
}

// checkpoints counts the resume points of shards that are not committed.
func checkpoints(t *testing.T, dir string) int {
	t.Helper()
	n := 0
	all, err := filepath.Glob(filepath.Join(dir, "out/default/modelzoo/tiny-zoo/shards/*/checkpoint.safetensors"))
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range all {
		if _, err := os.Stat(strings.TrimSuffix(path, "checkpoint.safetensors") + "manifest.json"); err != nil {
			n++
		}
	}
	return n
}

// TestTaskWithoutCredentials: a pod that lacks the store's credentials ends at once, with the store's
// exit code and a message that names the store and what to do.
func TestTaskWithoutCredentials(t *testing.T) {
	dir := workplace(t, 40, "1")
	must(t, dir, "run", "-f", "data.yaml", "--store", "out")
	s := zooPlan(t, dir)
	s.Store = "s3://bucket/zoos?region=us-east-1&use_path_style=true&endpoint=http://127.0.0.1:1"
	if err := os.WriteFile(filepath.Join(dir, "plan.json"), plan.Marshal(s), 0o600); err != nil {
		t.Fatal(err)
	}
	began := time.Now()
	code, term := pod(t, dir, spec.StageTrain, 0, "", 0, "AWS_EC2_METADATA_DISABLED=true", "AWS_ACCESS_KEY_ID=", "AWS_PROFILE=",
		"AWS_CONFIG_FILE=/nowhere", "AWS_SHARED_CREDENTIALS_FILE=/nowhere")
	if code != spec.ExitStore || term.Reason != "StoreUnavailable" || !strings.Contains(term.Message, "s3://bucket/zoos") || !strings.Contains(term.Message, "credentials") {
		t.Errorf("exit code %d, %+v", code, term)
	}
	if d := time.Since(began); d > 30*time.Second {
		t.Errorf("it took %s", d)
	}
}
