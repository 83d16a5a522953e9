A job that waits for locks becomes one step more urgent every half hour.
