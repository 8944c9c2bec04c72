package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"

	"github.com/spf13/cobra"

	"github.com/weightspace/weightspace/runtime/artifact"
	"github.com/weightspace/weightspace/runtime/plan"
	"github.com/weightspace/weightspace/runtime/program"
	"github.com/weightspace/weightspace/runtime/spec"
)

// Environment of a pod, set by the manager.
const (
	envShard     = "JOB_COMPLETION_INDEX"
	envPodName   = "POD_NAME"
	envNamespace = "POD_NAMESPACE"
	envMount     = "WEIGHTSPACE_STORE_MOUNT"
)

const (
	maxPlanBytes = 4 << 20
	// maxTermination is what the kubelet keeps of a termination message.
	maxTermination = 4096
)

type taskFlags struct {
	plan, stage, terminationLog string
	shard                       int
	compute                     computeFlags
}

func newTask(a *app) *cobra.Command {
	f := &taskFlags{}
	cmd := &cobra.Command{
		Use:   "task --plan FILE --stage STAGE",
		Short: "Run one shard of a frozen plan (what a pod does)",
		Long: `Runs one shard of one stage of a frozen plan. Pods of the operator start with it.

Environment: JOB_COMPLETION_INDEX is the shard; POD_NAME and POD_NAMESPACE name the
progress slot (RunReport), which is optional; WEIGHTSPACE_STORE_MOUNT is where the claim
of a pvc:// store is mounted; cloud credentials are the usual variables.
SIGTERM checkpoints and exits 75. The outcome is written as JSON to the termination log.`,
		Example: `  # What the pod of shard 3 runs
  JOB_COMPLETION_INDEX=3 weightspace task \
    --plan /etc/weightspace/plan/plan.json --stage train`,
		Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return a.task(cmd.Context(), f) },
	}
	cmd.Flags().StringVar(&f.plan, "plan", "", "the frozen plan (required)")
	cmd.Flags().StringVar(&f.stage, "stage", "", "stage to run, such as train (required)")
	cmd.Flags().IntVar(&f.shard, "shard", -1, "shard to run; default: the environment's "+envShard+", or 0")
	cmd.Flags().StringVar(&f.terminationLog, "termination-log", "/dev/termination-log", "where the outcome goes, if the file or its folder exists")
	f.compute.add(cmd)
	_ = cmd.MarkFlagRequired("plan")
	_ = cmd.MarkFlagRequired("stage")
	return cmd
}

// task runs the shard and writes the termination message whatever happens.
func (a *app) task(ctx context.Context, f *taskFlags) error {
	result, err := a.runTask(ctx, f)
	if werr := writeTermination(f.terminationLog, program.Termination(result, err)); werr != nil {
		a.log.Warn("The termination message could not be written", "file", f.terminationLog, "err", werr)
	}
	if err == nil && result != nil {
		return json.NewEncoder(a.out).Encode(result)
	}
	return err
}

func (a *app) runTask(ctx context.Context, f *taskFlags) (*spec.Result, error) {
	snap, err := readPlan(f.plan)
	if err != nil {
		return nil, err
	}
	shard, err := f.shardNumber()
	if err != nil {
		return nil, err
	}
	stores := newOpener(os.Getenv(envMount))
	defer stores.close()
	env := program.Env{Log: a.log, Host: hostName(), Version: version()}
	if err := f.compute.apply(&env); err != nil {
		return nil, err
	}
	if env.Store, err = stores.open(ctx, snap.Store); err != nil {
		return nil, err
	}
	env.Datasets = func(url string) (*artifact.Store, error) { return stores.open(ctx, url) }
	slot := openSlot(a.log, os.Getenv(envNamespace), os.Getenv(envPodName))
	defer slot.close()
	lines := &lineDisplay{out: a.out, err: a.err}
	lines.begin(snap)
	env.Progress = func(p program.Progress) {
		lines.progress(p)
		slot.update(p)
	}
	return program.Run(ctx, snap, f.stage, shard, env)
}

func (f *taskFlags) shardNumber() (int, error) {
	if f.shard >= 0 {
		return f.shard, nil
	}
	text, ok := os.LookupEnv(envShard)
	if !ok {
		return 0, nil
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 0 {
		return 0, inputError(envShard, fmt.Sprintf("%q is not a shard number", text), "run as a pod of an Indexed Job, or give --shard")
	}
	return n, nil
}

func readPlan(path string) (*spec.Snapshot, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, inputError("--plan", fmt.Sprintf("%s cannot be read: %v", path, errors.Unwrap(err)), "give the plan.json of a workload's ConfigMap")
	}
	defer file.Close()
	b, err := io.ReadAll(io.LimitReader(file, maxPlanBytes+1))
	if err != nil {
		return nil, fmt.Errorf("--plan %s: %w", path, err)
	}
	if len(b) > maxPlanBytes {
		return nil, inputError("--plan", path+" is too large for a plan", "give the plan.json of a workload's ConfigMap")
	}
	return plan.Unmarshal(b)
}

// writeTermination writes the message, shortened to what the kubelet keeps. Outside a pod
// there is no such file, and nothing is written.
func writeTermination(path string, t spec.Termination) error {
	if path == "" {
		return nil
	}
	if _, err := os.Stat(path); err != nil && filepath.Dir(path) == "/dev" {
		return nil
	}
	b, err := encodeTermination(t)
	if err != nil {
		return err
	}
	return os.WriteFile(path, b, 0o644)
}

// encodeTermination keeps the JSON valid and within the kubelet's limit by shortening the words.
func encodeTermination(t spec.Termination) ([]byte, error) {
	for {
		b, err := json.Marshal(t)
		if err != nil || len(b) <= maxTermination {
			return b, err
		}
		cut := func(s string) string {
			r := []rune(s)
			return string(r[:len(r)/2])
		}
		t.Message, t.Field = cut(t.Message), cut(t.Field)
	}
}
