package main

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/weightspace/weightspace/api/v1alpha1"
	"github.com/weightspace/weightspace/runtime/program"
)

// TestSlotRateLimit: progress is written at most every two seconds, the newest only; the last
// one is written on close; a refused write is no more than a warning.
func TestSlotRateLimit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var mu sync.Mutex
		var got []int32
		s := newSlot(slog.New(slog.NewTextHandler(io.Discard, nil)), func(_ context.Context, st v1alpha1.RunReportStatus) error {
			mu.Lock()
			defer mu.Unlock()
			got = append(got, *st.Epoch)
			return errors.New("refused")
		})
		for epoch := range 50 {
			s.update(program.Progress{Epoch: epoch, Epochs: 50, SecondsLeft: -1})
			time.Sleep(100 * time.Millisecond) // virtual time
		}
		s.close()
		mu.Lock()
		defer mu.Unlock()
		if len(got) > 4 || got[len(got)-1] != 49 {
			t.Errorf("5 seconds gave the writes %v", got)
		}
	})
	var none *slot
	none.update(program.Progress{})
	none.close()
}

func TestSlotStatus(t *testing.T) {
	st := slotStatus(program.Progress{Message: "Training", Epoch: 2, Epochs: 5, Members: 8, MembersDiverged: 1, TestAccuracyMembers: 7, TestAccuracySum: 6.25, TestAccuracySquares: 5.5, SecondsLeft: 90, Store: v1alpha1.StoreUnavailable}, time.Unix(0, 0))
	if *st.Epoch != 2 || *st.Members != 8 || *st.MembersDiverged != 1 || st.TestAccuracySum != "6.25" || *st.SecondsLeft != 90 || st.Store != v1alpha1.StoreUnavailable {
		t.Errorf("%+v", st)
	}
	if st := slotStatus(program.Progress{SecondsLeft: -1}, time.Unix(0, 0)); st.SecondsLeft != nil || st.TestAccuracySum != "" || st.Epoch != nil {
		t.Errorf("empty progress gave %+v", st)
	}
}
