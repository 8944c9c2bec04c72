package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/spf13/cobra"

	"github.com/weightspace/weightspace/runtime/program"
)

// exitUsage is the exit code for a wrong command line (EX_USAGE).
const exitUsage = 64

// streams are the process's standard streams.
type streams struct {
	in       io.Reader
	out, err io.Writer
}

// app is what the commands share.
type app struct {
	streams
	logFormat string
	logLevel  string
	log       *slog.Logger
}

// usageError is a wrong command line.
type usageError struct{ err error }

func (e *usageError) Error() string { return e.err.Error() }
func (e *usageError) Unwrap() error { return e.err }

// execute runs the command line and returns the exit code. SIGTERM and the first interrupt
// cancel the context, so that programs checkpoint; a second interrupt ends the process at once.
func execute(ctx context.Context, args []string, s streams) int {
	ctx, stop := signal.NotifyContext(ctx, os.Interrupt, syscall.SIGTERM)
	defer stop()
	context.AfterFunc(ctx, stop)
	a := &app{streams: s}
	root := newRoot(a)
	root.SetArgs(args)
	err := root.ExecuteContext(ctx)
	if err != nil {
		printError(s.err, err)
	}
	return exitCode(err)
}

// exitCode maps an error to the process's exit code.
func exitCode(err error) int {
	var usage *usageError
	if errors.As(err, &usage) {
		return exitUsage
	}
	return program.ExitCode(err)
}

// printError writes one line per joined error: field, problem, remedy.
func printError(w io.Writer, err error) {
	if joined, ok := err.(interface{ Unwrap() []error }); ok && strings.Contains(err.Error(), "\n") {
		for _, e := range joined.Unwrap() {
			printError(w, e)
		}
		return
	}
	fmt.Fprintln(w, "weightspace: "+strings.ReplaceAll(err.Error(), "\n", " "))
}

func newRoot(a *app) *cobra.Command {
	root := &cobra.Command{
		Use:   commandName(),
		Short: "Train populations of neural networks, with or without a cluster",
		Long: `Weightspace trains populations of neural networks (model zoos) and keeps every
checkpoint. The same YAML runs here and on a Kubernetes cluster, with the same
results, bit for bit.

Exit codes: 0 done; 64 wrong command line; 65 wrong input (the message names the
field); 69 an earlier stage is incomplete; 74 the store does not answer or
refuses writes; 75 stopped on request and checkpointed: run again to continue.`,
		Example: `  # What would this cost? Shards, members, memory, disk, time
  weightspace plan -f zoo.yaml

  # Train it on this machine; Ctrl-C checkpoints, the same line continues
  weightspace run -f zoo.yaml --store ./out`,
		SilenceUsage:  true,
		SilenceErrors: true,
		Args:          noArgs,
		PersistentPreRunE: func(*cobra.Command, []string) error {
			return a.openLog()
		},
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	root.SetIn(a.in)
	root.SetOut(a.out)
	root.SetErr(a.err)
	root.SetFlagErrorFunc(func(cmd *cobra.Command, err error) error {
		return &usageError{fmt.Errorf("%w; see `%s --help`", err, cmd.CommandPath())}
	})
	root.PersistentFlags().StringVar(&a.logFormat, "log-format", "text", "format of log lines on standard error: text or json")
	root.PersistentFlags().StringVar(&a.logLevel, "log-level", "warn", "least level of log lines: debug, info, warn or error")
	root.AddGroup(&cobra.Group{ID: "work", Title: "Work:"}, &cobra.Group{ID: "data", Title: "Data and artifacts:"}, &cobra.Group{ID: "other", Title: "Other:"})
	add := func(group string, commands ...*cobra.Command) {
		for _, c := range commands {
			c.GroupID = group
			root.AddCommand(c)
		}
	}
	add("work", newRun(a), newPlan(a), newPresets(a), newValidate(a), newTask(a))
	add("data", newDataset(a), newPull(a), newReport(a), newExport(a), newZooImport(a), newModels(a))
	add("other", newVersion(a))
	root.SetUsageTemplate(strings.ReplaceAll(root.UsageTemplate(), "FlagUsages |", "FlagUsagesWrapped 80 |"))
	root.SetHelpCommandGroupID("other")
	root.SetCompletionCommandGroupID("other")
	return root
}

// commandName is how the user called us: kubectl runs plugins as kubectl-weightspace.
func commandName() string {
	if strings.HasPrefix(filepath.Base(os.Args[0]), "kubectl-") {
		return "kubectl weightspace"
	}
	return "weightspace"
}

func noArgs(cmd *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	return &usageError{fmt.Errorf("unknown argument %q; see `%s --help`", args[0], cmd.CommandPath())}
}

func (a *app) openLog() error {
	var level slog.Level
	if err := level.UnmarshalText([]byte(a.logLevel)); err != nil {
		return &usageError{fmt.Errorf("--log-level: unknown level %q; use debug, info, warn or error", a.logLevel)}
	}
	options := &slog.HandlerOptions{Level: level}
	switch a.logFormat {
	case "text":
		a.log = slog.New(slog.NewTextHandler(a.err, options))
	case "json":
		a.log = slog.New(slog.NewJSONHandler(a.err, options))
	default:
		return &usageError{fmt.Errorf("--log-format: unknown format %q; use text or json", a.logFormat)}
	}
	return nil
}

// inputError is a shorthand for a mistake of the user.
func inputError(field, problem, remedy string) error {
	return &program.InputError{Field: field, Problem: problem, Remedy: remedy}
}
