package main

import (
	"encoding/json"
	"fmt"
	"io"
	"math"
	"os"
	"sync"
	"time"

	"github.com/jedib0t/go-pretty/v6/progress"
	"github.com/jedib0t/go-pretty/v6/text"
	"golang.org/x/term"

	"github.com/weightspace/weightspace/runtime/program"
	"github.com/weightspace/weightspace/runtime/spec"
)

// display shows the progress of a local run.
type display interface {
	begin(s *spec.Snapshot)
	progress(p program.Progress)
	end(err error)
	// finished shows the result of an object; page is the path of its report, if any.
	finished(s *spec.Snapshot, r *spec.Result, page string)
	close()
}

// A bar's line has messageWidth columns of words and barWidth of percentage, bar and time: less
// than the 80 of a common terminal.
const (
	messageWidth = 51
	barWidth     = 26
)

// display chooses: JSON lines when asked for, bars on a terminal, plain lines otherwise.
func (a *app) display(asJSON bool) display {
	if asJSON {
		return &jsonDisplay{out: a.out}
	}
	lines := &lineDisplay{out: a.out, err: a.err}
	if f, ok := a.err.(*os.File); ok {
		// A bar that does not fit its line could not be redrawn in place.
		if width, _, err := term.GetSize(int(f.Fd())); err == nil && width > messageWidth+barWidth {
			return &barDisplay{lineDisplay: lines, width: width}
		}
	}
	return lines
}

func objectName(s *spec.Snapshot) string { return s.Object.Kind + " " + s.Object.Name }

// summary is the one line that says what an object has become.
func summary(s *spec.Snapshot, r *spec.Result) string {
	switch {
	case r.Zoo != nil:
		line := fmt.Sprintf("%s: %d models, %d epochs, test accuracy %.3f ± %.3f", objectName(s), r.Zoo.Members, r.Zoo.Epochs, r.Zoo.TestAccuracyMean, r.Zoo.TestAccuracyStd)
		if r.Zoo.Diverged > 0 {
			line += fmt.Sprintf(", %d diverged", r.Zoo.Diverged)
		}
		return line
	case r.Dataset != nil:
		d := r.Dataset
		return fmt.Sprintf("%s: %d/%d/%d images of %dx%dx%d, %d classes", objectName(s), d.Train, d.Validation, d.Test, d.Channels, d.Height, d.Width, d.Classes)
	}
	if a := r.Analysis; a != nil {
		return fmt.Sprintf("%s: %d models, %d checkpoints%s", objectName(s), a.Models, a.Checkpoints, findings(a))
	}
	return objectName(s)
}

// lineDisplay writes a plain line when an epoch or stage ends.
type lineDisplay struct {
	out, err io.Writer
	mu       sync.Mutex
	snap     *spec.Snapshot
	last     string
}

func (d *lineDisplay) begin(s *spec.Snapshot) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.snap, d.last = s, ""
}

func (d *lineDisplay) progress(p program.Progress) {
	d.mu.Lock()
	defer d.mu.Unlock()
	tenth := int64(-1) // of the bytes
	if p.BytesTotal > 0 {
		tenth = 10 * p.Bytes / p.BytesTotal
	}
	key := fmt.Sprint(p.Stage, p.Shard, p.Epoch, p.TestAccuracyMembers > 0, p.Store, p.Stage != spec.StageTrain && p.BytesTotal == 0 && p.Message != "", tenth)
	if key == d.last {
		return
	}
	d.last = key
	fmt.Fprintf(d.err, "%s: %s\n", objectName(d.snap), describe(d.snap, p))
}

// describe puts a progress into words.
func describe(s *spec.Snapshot, p program.Progress) string {
	line := p.Stage
	if n := shardCount(s, p.Stage); n > 1 {
		line += fmt.Sprintf(" %d/%d", p.Shard+1, n)
	}
	if p.TestAccuracyMembers > 0 {
		n, what := float64(p.TestAccuracyMembers), "models"
		if p.Stage != spec.StageTrain {
			what = "twins"
		}
		line += fmt.Sprintf(": epoch %d/%d, %d %s, test accuracy %.3f", p.Epoch, p.Epochs, p.Members, what, p.TestAccuracySum/n)
		if p.MembersDiverged > 0 {
			line += fmt.Sprintf(", %d diverged", p.MembersDiverged)
		}
		if p.SecondsLeft > 0 {
			line += fmt.Sprintf(", %s left", time.Duration(p.SecondsLeft)*time.Second)
		}
	} else if p.Message != "" {
		line += ": " + p.Message
		if left := time.Duration(p.SecondsLeft) * time.Second; p.BytesTotal > 0 && left > 0 {
			line += ", " + shortTime(left) + " left"
		}
	}
	if p.Store == "Unavailable" {
		line += " (the store does not answer; waiting)"
	}
	return line
}

// brief is describe in at most messageWidth columns: a long name is cut, never the numbers.
func brief(s *spec.Snapshot, p program.Progress) string {
	line := " " + p.Stage
	if n := shardCount(s, p.Stage); n > 1 {
		line += fmt.Sprintf(" %d/%d", p.Shard+1, n)
	}
	switch {
	case p.Store == "Unavailable":
		line += ": the store is away"
	case p.TestAccuracyMembers > 0:
		line += fmt.Sprintf(" epoch %d/%d acc %.3f", p.Epoch, p.Epochs, p.TestAccuracySum/float64(p.TestAccuracyMembers))
		if left := time.Duration(p.SecondsLeft) * time.Second; left > 0 {
			line += " " + shortTime(left) + " left"
		}
	case p.BytesTotal > 0:
		line += " of " + bytesText(p.BytesTotal)
		if p.BytesPerSecond > 0 {
			line += " " + bytesText(p.BytesPerSecond) + "/s"
		}
		if left := time.Duration(p.SecondsLeft) * time.Second; left > 0 {
			line += " " + shortTime(left) + " left"
		}
	}
	name := s.Object.Name // ASCII, as the names of all Kubernetes objects
	if room := max(messageWidth-len(line), 4); len(name) > room {
		name = name[:room-1] + "~"
	}
	return name + line
}

// shortTime drops the seconds of hours and the minutes of days.
func shortTime(d time.Duration) string {
	switch {
	case d >= 48*time.Hour:
		return fmt.Sprintf("%dd", d/(24*time.Hour))
	case d >= time.Hour:
		return fmt.Sprintf("%dh%02dm", d/time.Hour, d%time.Hour/time.Minute)
	}
	return d.String()
}

func shardCount(s *spec.Snapshot, stage string) int {
	for _, st := range s.Stages {
		if st.Name == stage {
			return len(st.Shards)
		}
	}
	return 0
}

func (d *lineDisplay) end(error) {}
func (d *lineDisplay) close()    {}

func (d *lineDisplay) finished(s *spec.Snapshot, r *spec.Result, page string) {
	fmt.Fprintln(d.out, summary(s, r))
	for _, line := range twinLines(r) {
		fmt.Fprintln(d.out, line)
	}
	// A digest has 71 columns; the lines fit 80.
	fmt.Fprintf(d.out, "artifact %s\nresult   %s\n", s.ArtifactPath, r.ResultDigest)
	if page != "" {
		fmt.Fprintf(d.out, "report   %s\n", page)
	}
}

// barDisplay draws one bar for each shard on a terminal.
type barDisplay struct {
	*lineDisplay
	width  int // columns of the terminal
	writer progress.Writer
	bars   map[string]*progress.Tracker
}

func (d *barDisplay) begin(s *spec.Snapshot) {
	d.lineDisplay.begin(s)
	w := progress.NewWriter()
	w.SetOutputWriter(d.err)
	w.SetTrackerLength(10)
	w.SetMessageLength(messageWidth)
	w.SetTerminalWidth(d.width - 1)
	w.SetTrackerPosition(progress.PositionRight)
	w.SetUpdateFrequency(200 * time.Millisecond)
	w.SetStyle(progress.StyleBlocks)
	w.Style().Visibility.Value = false
	w.Style().Visibility.ETA = false
	w.Style().Options.Separator = " "
	w.Style().Options.PercentFormat = "%3.0f%%"
	w.Style().Options.DoneString = "done"
	w.Style().Options.ErrorString = "stopped"
	w.Style().Options.TimeInProgressPrecision = time.Second
	w.Style().Options.TimeDonePrecision = 100 * time.Millisecond
	w.Style().Colors = progress.StyleColors{Message: text.Colors{}, Percent: text.Colors{text.Bold}}
	d.writer, d.bars = w, map[string]*progress.Tracker{}
	go w.Render()
}

func (d *barDisplay) progress(p program.Progress) {
	d.mu.Lock()
	defer d.mu.Unlock()
	key := fmt.Sprint(p.Stage, p.Shard)
	bar := d.bars[key]
	if bar == nil {
		bar = &progress.Tracker{Total: 1000}
		d.bars[key] = bar
		d.writer.AppendTracker(bar)
	}
	bar.UpdateMessage(brief(d.snap, p))
	bar.SetValue(int64(1000 * done(p)))
	if p.Message == "Finished" {
		bar.MarkAsDone()
	}
}

// done is the part of a shard's work that is done, in [0, 1].
func done(p program.Progress) float64 {
	switch {
	case p.Message == "Finished":
		return 1
	case p.Epochs > 0:
		return math.Min((float64(p.Epoch)+p.Fraction)/float64(p.Epochs), 1)
	case p.BytesTotal > 0:
		return float64(p.Bytes) / float64(p.BytesTotal)
	}
	return 0
}

func (d *barDisplay) end(err error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, bar := range d.bars {
		switch {
		case bar.IsDone():
		case err != nil:
			bar.MarkAsErrored()
		default:
			bar.MarkAsDone()
		}
	}
	d.writer.Stop()
	for d.writer.IsRenderInProgress() {
		time.Sleep(10 * time.Millisecond)
	}
}

// jsonDisplay writes one JSON object per line.
type jsonDisplay struct {
	mu   sync.Mutex
	out  io.Writer
	snap *spec.Snapshot
}

// event is one line of `run --json`.
type event struct {
	Type      string            `json:"type"` // begin, progress, result or error
	Kind      string            `json:"kind,omitempty"`
	Namespace string            `json:"namespace,omitempty"`
	Name      string            `json:"name,omitempty"`
	Progress  *program.Progress `json:"progress,omitempty"`
	Artifact  string            `json:"artifact,omitempty"`
	Result    *spec.Result      `json:"result,omitempty"`
	Report    string            `json:"report,omitempty"`
	Error     *spec.Termination `json:"error,omitempty"`
}

func (d *jsonDisplay) write(e event) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.snap != nil {
		e.Kind, e.Namespace, e.Name = d.snap.Object.Kind, d.snap.Object.Namespace, d.snap.Object.Name
	}
	if b, err := json.Marshal(e); err == nil {
		fmt.Fprintln(d.out, string(b))
	}
}

func (d *jsonDisplay) begin(s *spec.Snapshot) {
	d.mu.Lock()
	d.snap = s
	d.mu.Unlock()
	d.write(event{Type: "begin", Artifact: s.ArtifactPath})
}

func (d *jsonDisplay) progress(p program.Progress) { d.write(event{Type: "progress", Progress: &p}) }

func (d *jsonDisplay) end(err error) {
	if err != nil {
		t := program.Termination(nil, err)
		d.write(event{Type: "error", Error: &t})
	}
}

func (d *jsonDisplay) finished(s *spec.Snapshot, r *spec.Result, page string) {
	d.write(event{Type: "result", Artifact: s.ArtifactPath, Result: r, Report: page})
}

func (d *jsonDisplay) close() {}
