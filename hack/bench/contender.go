package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"slices"
	"strings"
	"syscall"
	"time"
)

// contender is a row of a table: a program that speaks the line protocol.
type contender struct {
	name    string
	ours    bool
	command []string
	// cores the process may run on; 0 means all.
	cores int
}

// reply is a line that a contender answers with.
type reply struct {
	// Seconds and Work (in the workload's unit) of a measured run.
	Seconds, Work float64
	// Setting and Versions answer the warm-up.
	Setting  string
	Versions map[string]string
	Error    string
}

// process is a running contender.
type process struct {
	cmd   *exec.Cmd
	stdin io.WriteCloser
	lines chan []byte
}

// start runs the contender's program; log gets what it prints to stderr. A setting spares it the
// search for one.
func (c contender) start(ctx context.Context, dir, setting string, log io.Writer) (*process, error) {
	command := c.command
	if c.cores == 1 {
		command = append([]string{"taskset", "-c", "0"}, command...)
	}
	cmd := exec.CommandContext(ctx, command[0], command[1:]...)
	cmd.Dir, cmd.Stderr, cmd.Env = dir, log, cleanEnvironment(os.Environ(), c.cores)
	if setting != "" {
		cmd.Env = append(cmd.Env, "WEIGHTSPACE_BENCH_SETTING="+setting)
	}
	// A group of its own, so that its children end with it.
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
	cmd.WaitDelay = time.Second
	stdin, err := cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	p := &process{cmd: cmd, stdin: stdin, lines: make(chan []byte)}
	go func() {
		defer close(p.lines)
		for scan := bufio.NewScanner(stdout); scan.Scan(); {
			p.lines <- slices.Clone(scan.Bytes())
		}
	}()
	return p, nil
}

// ask sends a command and waits for the answer.
func (p *process) ask(ctx context.Context, command string, limit time.Duration) (reply, error) {
	var r reply
	if _, err := fmt.Fprintln(p.stdin, command); err != nil {
		return r, err
	}
	timeout := time.NewTimer(limit)
	defer timeout.Stop()
	select {
	case line, ok := <-p.lines:
		if !ok {
			return r, errors.New("the process ended")
		}
		if err := json.Unmarshal(line, &r); err != nil {
			return r, fmt.Errorf("answer %.80q: %w", line, err)
		}
		if r.Error != "" {
			return r, errors.New(r.Error)
		}
		return r, nil
	case <-timeout.C:
		return r, fmt.Errorf("no answer to %q within %v", command, limit)
	case <-ctx.Done():
		return r, ctx.Err()
	}
}

// stop ends the process and its children, whatever state they are in.
func (p *process) stop() {
	_ = p.stdin.Close()
	_ = syscall.Kill(-p.cmd.Process.Pid, syscall.SIGKILL)
	for range p.lines {
	}
	_ = p.cmd.Wait() // killed: the error says so
}

// tuning are variables that change how the peers' libraries compute; a shell that sets one must not
// slow them down.
var tuning = []string{"OPENBLAS_", "OMP_", "GOMP_", "KMP_", "MKL_", "DNNL_", "ONEDNN_", "XLA_", "JAX_", "TORCH", "PYTORCH_", "NPY_", "MALLOC_", "LD_PRELOAD"}

// cleanEnvironment drops tuning variables and adds the peers' best: as many threads as cores, and
// memory that glibc keeps instead of giving every large tensor back to the kernel.
func cleanEnvironment(env []string, cores int) []string {
	env = slices.DeleteFunc(slices.Clone(env), func(v string) bool {
		return slices.ContainsFunc(tuning, func(prefix string) bool { return strings.HasPrefix(v, prefix) })
	})
	env = append(env, "MALLOC_MMAP_THRESHOLD_=1073741824", "MALLOC_TRIM_THRESHOLD_=4294967296")
	if cores > 0 {
		env = append(env, fmt.Sprintf("OMP_NUM_THREADS=%d", cores), fmt.Sprintf("MKL_NUM_THREADS=%d", cores))
	}
	return env
}
