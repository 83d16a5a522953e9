"""Operations for trying out the job queue."""
